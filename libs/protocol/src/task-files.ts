// Owns what is asked and answered about the files in a task's sandbox. One question a message and one bounded answer: an
// agent keeps nothing for whoever reads, so a reader that goes away leaves nothing behind.
import * as z from 'zod';
import { Failure } from './errors.ts';
import { TaskRef, Token } from './ids.ts';

/** Of one answer, bytes: it has to fit a message of the bus (1 MiB). */
export const MAX_READ_BYTES = 512 * 1024;
export const MAX_LISTED = 1000;
export const MAX_MATCHES = 200;
/** Linux: PATH_MAX. */
const MAX_PATH_BYTES = 4096;

const bytesUpTo = (least: number, most: number, what: string) =>
  z.instanceof(Uint8Array).refine(({ length }) => length >= least && length <= most, {
    message: `${what} has ${least} to ${most} bytes`,
  });

/** Bytes, because names are: from the sandbox on, with `/` between the parts. Empty: the sandbox itself. */
const FilePath = bytesUpTo(0, MAX_PATH_BYTES, 'a path');
const Size = z.int().min(0);

export const FilesAsk = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('list'),
    path: FilePath,
    /** The names behind this one, in the order of their bytes; `next` of the answer before. */
    after: bytesUpTo(0, 255, 'a name').optional(),
    limit: z.int().min(1).max(MAX_LISTED),
  }),
  z.object({
    kind: z.literal('read'),
    path: FilePath,
    /** Byte offset; negative counts from the end. */
    offset: z.int(),
    maxBytes: z.int().min(1).max(MAX_READ_BYTES),
  }),
  z.object({
    kind: z.literal('search'),
    path: FilePath,
    /** These bytes, as they are: no pattern. */
    text: bytesUpTo(1, 1024, 'what is searched'),
    /** Where to begin; `next` of the answer before. */
    offset: Size,
    maxMatches: z.int().min(1).max(MAX_MATCHES),
  }),
  z.object({ kind: z.literal('stat'), path: FilePath }),
]);
export type FilesAsk = z.infer<typeof FilesAsk>;

export const FilesRequest = z.object({ task: TaskRef, ask: FilesAsk });
export type FilesRequest = z.infer<typeof FilesRequest>;

export const FileEntry = z.object({
  /** Of the last part of its path. */
  name: z.instanceof(Uint8Array),
  kind: z.enum(['file', 'directory', 'link', 'fifo', 'socket', 'device']),
  size: Size,
  modifiedMs: z.int(),
  /** The permission bits. */
  mode: z.int().min(0),
  /** Another one where the name has come to stand for another file. */
  fileId: z.string().max(128),
});
export type FileEntry = z.infer<typeof FileEntry>;

const FileFacts = {
  size: Size,
  fileId: z.string().max(128),
  /** No more will come: the task has ended, and this is the end of the file. */
  ended: z.boolean(),
};

export const FilesResult = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('list'),
    entries: z.array(FileEntry),
    /** There are more names, or may be, behind this one. */
    next: z.instanceof(Uint8Array).optional(),
    /** The directory has more names than the agent looks at: some are missing. */
    isCut: z.boolean(),
  }),
  z.object({
    kind: z.literal('read'),
    data: z.instanceof(Uint8Array),
    /** Of `data`. Behind the one that was asked for where nothing but zeros are stored between: a hole. */
    offset: Size,
    ...FileFacts,
  }),
  z.object({
    kind: z.literal('search'),
    /** One a line, of lines up to 256 KiB. */
    matches: z.array(
      z.object({
        offset: Size,
        /** Its line, or the part around it, and where that begins. */
        line: z.instanceof(Uint8Array),
        lineOffset: Size,
      }),
    ),
    /** Up to here nothing else was found. */
    next: Size,
    ...FileFacts,
  }),
  z.object({ kind: z.literal('stat'), entry: FileEntry, ended: z.boolean() }),
]);
export type FilesResult = z.infer<typeof FilesResult>;

/** What a principal asks about a task of its own. `question`: its choice, by which it knows the answer. */
export const OwnFilesRequest = FilesRequest.extend({ question: Token });
export type OwnFilesRequest = z.infer<typeof OwnFilesRequest>;
export const OwnFilesAnswer = z.object({
  question: Token,
  answer: z.discriminatedUnion('ok', [
    z.object({ ok: z.literal(true), value: FilesResult }),
    z.object({ ok: z.literal(false), failure: Failure }),
  ]),
});
export type OwnFilesAnswer = z.infer<typeof OwnFilesAnswer>;

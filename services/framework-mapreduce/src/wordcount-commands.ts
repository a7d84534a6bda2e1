// Owns what the tasks of a word count run: POSIX sh, tr, awk and sort, on any host. A word is a maximal run
// of ASCII letters, lower-cased. Which objects they read and write is in job-plan.ts.

export const MAX_REDUCERS = 64;
export const SPLIT_PATH = 'split';
export const MAPS_PATH = 'maps';
export const COUNTS_PATH = 'counts';
export const partPath = (reducer: number): string => `part${reducer}`;

// The first tr takes NUL bytes away, which awks handle in different ways. The hash looks at 8 letters only, so
// that a word of a megabyte costs no more than another. sprintf keeps counts from being written as 2.1e+09.
// A pipeline's status is that of its last command: the others report by a file.
const MAP_SCRIPT = `
LC_ALL=C; export LC_ALL
rm -f failed; sleeper=
if [ "$2" != 0 ]; then sleep "$2" & sleeper=$!; fi
{ tr -cs A-Za-z '\\n' < ${SPLIT_PATH} || echo tr > failed; } |
{ tr A-Z a-z || echo tr > failed; } |
awk -v R="$1" '
  length($0) > 0 { n[$0]++ }
  END {
    for (r = 0; r < R; r++) printf "" > ("part" r)
    for (w in n) {
      h = length(w); k = h < 8 ? h : 8
      for (i = 1; i <= k; i++) h = (h * 31 + index("abcdefghijklmnopqrstuvwxyz", substr(w, i, 1))) % 65521
      print w "\\t" sprintf("%.0f", n[w]) > ("part" (h % R))
    }
  }' || echo awk > failed
if [ -e failed ]; then
  echo "counting words failed in $(cat failed)" >&2
  [ -z "$sleeper" ] || kill "$sleeper"
  exit 1
fi
[ -z "$sleeper" ] || wait "$sleeper"
`;

const REDUCE_SCRIPT = `
LC_ALL=C; export LC_ALL
rm -f failed
{ awk 'BEGIN { FS = "\\t" } { n[$1] += $2 } END { for (w in n) print w "\\t" sprintf("%.0f", n[w]) }' ${MAPS_PATH}/* ||
  echo awk > failed; } | sort -T . > ${COUNTS_PATH} || echo sort > failed
if [ -e failed ]; then echo "adding counts failed in $(cat failed)" >&2; exit 1; fi
`;

/** Reads `split`, writes `part0` ... of `word<TAB>count` lines, one for each reducer. Lasts at least `minMs`. */
export function mapCommand(reducers: number, minMs: number): string[] {
  return ['sh', '-c', MAP_SCRIPT, 'map', String(reducers), String(minMs / 1000)];
}

/** Reads `maps/*`, writes `counts`: `word<TAB>count` lines sorted by the bytes of the word. */
export function reduceCommand(): string[] {
  return ['sh', '-c', REDUCE_SCRIPT, 'reduce'];
}

// Finds the graphics processors of this host that tasks compute on, and the device nodes of each: as the drivers of NVIDIA and
// AMD show them in files. Screens and their simple adapters are none.
import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';

/** Paths. */
export type GpuFiles = {
  readonly devices: string;
  /** A folder for each processor of NVIDIA's, named after its place on the bus. */
  readonly nvidia: string;
  /** A folder for each node of the topology of AMD's driver; processors of other kinds are among them. */
  readonly amdNodes: string;
  /** A folder for each card and each render node of any driver. */
  readonly drm: string;
};

const GPU_FILES: GpuFiles = {
  devices: '/dev',
  nvidia: '/proc/driver/nvidia/gpus',
  amdNodes: '/sys/class/kfd/kfd/topology/nodes',
  drm: '/sys/class/drm',
};

export type GpuCards = {
  /** By a name that stays the same while the host runs, in the order in which they are given: the nodes of each. */
  readonly cards: ReadonlyMap<string, readonly string[]>;
  /** What a task takes besides, whichever it has: by themselves these open none of them. */
  readonly common: readonly string[];
};

const COMMON = ['nvidiactl', 'nvidia-uvm', 'nvidia-uvm-tools', 'kfd'];

/** Of cards whose nodes are there at this moment. */
export async function findGpuCards(files: GpuFiles = GPU_FILES): Promise<GpuCards> {
  const names = await namesIn(files.devices);
  const rendering = (await namesIn(path.join(files.devices, 'dri'))).map((name) => `dri/${name}`);
  const isThere = new Set([...names, ...rendering]);
  const found = [...(await nvidiaCards(files, names)), ...(await amdCards(files))];
  const at = (name: string): string => path.join(files.devices, name);
  const cards = found
    .map((nodes) => nodes.filter((node) => isThere.has(node)))
    .flatMap((nodes): [string, string[]][] => {
      const [first] = nodes;
      return first === undefined ? [] : [[first, nodes.map(at)]];
    })
    .sort(([one], [other]) => one.localeCompare(other, 'en', { numeric: true }));
  return { cards: new Map(cards), common: COMMON.filter((name) => isThere.has(name)).map(at) };
}

/** The node for computing, and for rendering where there is one. A node that no file tells of counts, too. */
async function nvidiaCards(files: GpuFiles, names: readonly string[]): Promise<string[][]> {
  const rendering = new Map<string, string>();
  for (const name of await namesIn(files.drm)) {
    if (!name.startsWith('renderD')) continue;
    const device = await realpath(path.join(files.drm, name, 'device')).catch(() => '');
    rendering.set(path.basename(device).toLowerCase(), `dri/${name}`);
  }
  const places = new Map<string, string>();
  for (const place of await namesIn(files.nvidia)) {
    const said = await textOf(path.join(files.nvidia, place, 'information'));
    const minor = /^Device Minor:\s*(\d+)\s*$/m.exec(said)?.[1];
    if (minor !== undefined) places.set(`nvidia${minor}`, place.toLowerCase());
  }
  return names
    .filter((name) => /^nvidia\d+$/.test(name))
    .map((name) => [name, rendering.get(places.get(name) ?? '') ?? []].flat());
}

/** All of them compute through one node, `kfd`; each has one for rendering, which opens it alone. */
async function amdCards({ amdNodes }: GpuFiles): Promise<string[][]> {
  const cards: string[][] = [];
  for (const node of await namesIn(amdNodes)) {
    const said = await textOf(path.join(amdNodes, node, 'properties'));
    const minor = /^drm_render_minor (\d+)$/m.exec(said)?.[1];
    // Processors stand there too, with neither.
    if (minor !== undefined && minor !== '0') cards.push([`dri/renderD${minor}`]);
  }
  return cards;
}

const namesIn = (directory: string): Promise<string[]> => readdir(directory).catch(() => []);

const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

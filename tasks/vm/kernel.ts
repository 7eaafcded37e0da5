/**
 * Debian's stock kernel, unpacked and never installed: the newest that apt knows, kept in
 * `$XDG_CACHE_HOME/cleat-vm/<package>_<version>`.
 */
import { complain } from "../say.ts";
import { findTool, output, Unavailable } from "./tools.ts";

/** Follows Debian's newest kernel: it depends on the package of just that one. */
const META_PACKAGE = "linux-image-amd64";

/** What network tests can need; the rest of 400 MB is drivers. */
const MODULE_FOLDERS = [
  "arch",
  "crypto",
  "drivers/block",
  "drivers/char",
  "drivers/net",
  "drivers/virtio",
  "fs",
  "lib",
  "net",
];

const UNFINISHED = "unfinished-";

/** An unpacked kernel. */
export interface Kernel {
  /** As `uname -r` says it. */
  readonly release: string;
  readonly image: string;
  /** The folder that is /lib/modules/<release> on a machine that runs it. */
  readonly modules: string;
  /** The folder in which `lib/modules` is. */
  readonly root: string;
}

const cacheFolder = (): string => {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  return `${cache}/cleat-vm`;
};

const names = (folder: string): readonly string[] => {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  } catch {
    return [];
  }
};

const isFilled = (path: string): boolean => {
  try {
    return Deno.statSync(path).size > 0;
  } catch {
    return false;
  }
};

/** The kernel in a folder, or null where it is not complete. */
export function kernelIn(root: string): Kernel | null {
  const [release] = names(`${root}/lib/modules`);
  if (release === undefined) return null;
  const kernel = { release, root, image: `${root}/boot/vmlinuz-${release}`, modules: `${root}/lib/modules/${release}` };
  return isFilled(kernel.image) && isFilled(`${kernel.modules}/modules.dep`) ? kernel : null;
}

/** The package and version that `apt-cache show` of the meta package names, or null. */
export function newestOf(shown: string): { readonly name: string; readonly version: string } | null {
  const [, name, version] = /^Depends: (linux-image-[^ ,]+) \(= ([^)]+)\)/m.exec(shown) ?? [];
  return name === undefined || version === undefined ? null : { name, version };
}

/** Removes what runs that were killed an hour ago or earlier have left. */
const removeUnfinished = async (): Promise<void> => {
  for (const name of names(cacheFolder()).filter((name) => name.startsWith(UNFINISHED))) {
    const { mtime } = await Deno.stat(`${cacheFolder()}/${name}`);
    if (Date.now() - (mtime?.getTime() ?? 0) > 3_600_000) {
      await Deno.remove(`${cacheFolder()}/${name}`, { recursive: true });
    }
  }
};

/** Unpacks a package beside `root`, leaves out what no test needs, and puts it there when it is complete. */
const fetch = async (root: string, name: string, version: string): Promise<void> => {
  const [apt, dpkg, depmod] = [findTool("apt-get", "apt"), findTool("dpkg", "dpkg"), findTool("depmod", "kmod")];
  await Deno.mkdir(cacheFolder(), { recursive: true });
  await removeUnfinished();
  const folder = await Deno.makeTempDir({ dir: cacheFolder(), prefix: UNFINISHED });
  try {
    await output(apt, ["download", "-q", `${name}=${version}`], { cwd: folder, limit: 120_000 });
    const [archive = ""] = names(folder);
    await output(dpkg, ["-x", archive, "unpacked"], { cwd: folder });
    const [release = ""] = names(`${folder}/unpacked/lib/modules`);
    const from = `${folder}/unpacked/lib/modules/${release}`;
    const to = `${folder}/kept/lib/modules/${release}`;
    await Deno.mkdir(`${to}/kernel/drivers`, { recursive: true });
    for (const part of MODULE_FOLDERS) await Deno.rename(`${from}/kernel/${part}`, `${to}/kernel/${part}`);
    for (const list of ["modules.builtin", "modules.order"]) await Deno.rename(`${from}/${list}`, `${to}/${list}`);
    await Deno.rename(`${folder}/unpacked/boot`, `${folder}/kept/boot`);
    await output(depmod, ["-b", `${folder}/kept`, release]);
    if (kernelIn(root) !== null) return; // another run was quicker
    await Deno.remove(root, { recursive: true }).catch(() => {}); // an incomplete one, or none
    await Deno.rename(`${folder}/kept`, root);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
};

/** Debian's newest kernel, else the newest of those that are here. Ends with `Unavailable`. */
export async function debianKernel(): Promise<Kernel> {
  const apt = findTool("apt-cache", "apt");
  const shown = await output(apt, ["show", "--no-all-versions", META_PACKAGE]).catch(() => "");
  const newest = newestOf(shown);
  if (newest !== null) {
    const root = `${cacheFolder()}/${newest.name}_${newest.version.replaceAll(":", "%3a")}`;
    const had = kernelIn(root);
    if (had !== null) return had;
    try {
      await fetch(root, newest.name, newest.version);
    } catch (error) {
      complain(`Cannot fetch ${newest.name} ${newest.version}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const here = names(cacheFolder()).filter((name) => name.startsWith("linux-image-")).toReversed();
  const kernel = here.map((name) => kernelIn(`${cacheFolder()}/${name}`)).find((kernel) => kernel !== null);
  if (kernel === undefined) {
    throw new Unavailable(`no kernel is kept here, and Debian's package ${META_PACKAGE} cannot be downloaded`);
  }
  return kernel;
}

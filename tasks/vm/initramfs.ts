/** The initramfs: busybox, the modules that the root of the host needs, and init.sh. */
import type { Kernel } from "./kernel.ts";
import { findTool, output, Unavailable } from "./tools.ts";

/** What mounts the host's root and carries output; the kernel loads all others itself, once there is a root. */
const MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];

const FOLDERS = ["bin", "dev", "host", "layer", "modules", "proc", "root", "sys"];

/** The files of `MODULES` and of what they need, in the order in which they must be loaded. */
const moduleFiles = async (kernel: Kernel): Promise<readonly string[]> => {
  const modprobe = findTool("modprobe", "kmod");
  const files: string[] = [];
  for (const module of MODULES) {
    const args = ["-d", kernel.root, "-S", kernel.release, "--show-depends", module];
    // One line each, "insmod <path>", or "builtin <name>".
    for (const [, path = ""] of (await output(modprobe, args)).matchAll(/^insmod (\S+)/gm)) files.push(path);
  }
  return [...new Set(files)];
};

/** Where a busybox is that needs no library. */
const staticBusybox = async (): Promise<string> => {
  const busybox = findTool("busybox", "busybox-static");
  const libraries = await output(findTool("ldd", "libc-bin"), [busybox]).catch(() => "");
  if (libraries !== "") {
    throw new Unavailable(`"${busybox}" needs libraries (Debian's package busybox-static does not)`);
  }
  return busybox;
};

/** Writes an initramfs for `kernel` into `folder`; answers its path. */
export async function makeInitramfs(kernel: Kernel, folder: string): Promise<string> {
  const busybox = await staticBusybox();
  const root = `${folder}/initramfs`;
  for (const name of FOLDERS) await Deno.mkdir(`${root}/${name}`, { recursive: true });
  await Deno.copyFile(busybox, `${root}/bin/busybox`);
  await Deno.copyFile(new URL("init.sh", import.meta.url), `${root}/init`);
  await Deno.chmod(`${root}/init`, 0o755);
  const files = await moduleFiles(kernel);
  const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  for (const path of files) await Deno.copyFile(path, `${root}/modules/${baseName(path)}`);
  await Deno.writeTextFile(`${root}/order`, files.map((path) => `${baseName(path)}\n`).join(""));
  await output("/bin/sh", ["-c", `find . | "$1" cpio -o -H newc -F ../initramfs.cpio 2>&1`, "sh", busybox], {
    cwd: root,
  });
  return `${folder}/initramfs.cpio`;
}

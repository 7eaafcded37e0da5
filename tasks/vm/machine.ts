/** The virtual machine: Debian's kernel on the root of this machine, read-only, under QEMU. */
import { tee } from "../counts.ts";
import { complain, say } from "../say.ts";
import { makeInitramfs } from "./initramfs.ts";
import type { Kernel } from "./kernel.ts";
import { findTool } from "./tools.ts";

/** What a virtual machine did. */
export interface Ended {
  /** What the script printed, which was passed through. */
  readonly output: string;
  /** The status of the script's last command; null when the machine ended without one. */
  readonly status: number | null;
}

/** A way to run the processor. The emulated one has no AVX: emulating that costs a third of the time of a plugin. */
interface Processor {
  readonly name: string;
  readonly args: readonly string[];
}

const KVM: Processor = { name: "KVM", args: ["-accel", "kvm", "-cpu", "host"] };
const EMULATED: Processor = { name: "emulation", args: ["-accel", "tcg", "-cpu", "Nehalem,+rdrand"] };

/** Until the script's first line, in milliseconds: where KVM boots a kernel at all, it takes a second. */
const KVM_BOOT_LIMIT = 10_000;

const canOpenKvm = (): boolean => {
  try {
    Deno.openSync("/dev/kvm", { read: true, write: true }).close();
    return true;
  } catch {
    return false;
  }
};

/** A folder of the host as a 9p share. A comma in a value of QEMU's is doubled. */
const share = (tag: string, path: string, options: string): readonly string[] => {
  const fsdev = `local,id=${tag},path=${path.replaceAll(",", ",,")},security_model=none,multidevs=remap${options}`;
  return ["-fsdev", fsdev, "-device", `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`];
};

const argsOf = (kernel: Kernel, folder: string, initramfs: string, exchange: string): readonly string[] => [
  ...["-machine", "q35", "-m", "3072", "-smp", "2", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
  ...["-kernel", kernel.image, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1 mitigations=off"],
  ...["-serial", `file:${folder.replaceAll(",", ",,")}/console`],
  ...["-chardev", "file,id=output,path=/dev/stdout", "-device", "virtio-serial-pci"],
  ...["-device", "virtserialport,chardev=output,nr=1"],
  ...share("root", "/", ",readonly=on"),
  ...share("modules", kernel.modules, ",readonly=on"),
  ...share("exchange", exchange, ""),
];

/** The script of the machine's first process: `command` in a shell, its status into the shared folder, power off. */
const scriptOf = (command: string): string =>
  `exec </dev/null >"$(echo /dev/vport*p1)" 2>&1
echo "Linux $(uname -r)"
(${command}
)
echo $? >/.cleat-vm/status
sync
exec busybox poweroff -f
`;

const statusIn = (exchange: string): number | null => {
  try {
    return Number(Deno.readTextFileSync(`${exchange}/status`));
  } catch {
    return null;
  }
};

/** One attempt. `started`: the script has begun. */
const attempt = async (qemu: string, args: readonly string[], bootLimit: number, limit: number) => {
  const child = new Deno.Command(qemu, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let started = false;
  const kill = () => child.kill("SIGKILL");
  const timers = [setTimeout(() => started || kill(), bootLimit), setTimeout(kill, limit)];
  const errors = new Response(child.stderr).text();
  const output = await tee(child.stdout, () => started = true);
  const { signal } = await child.status;
  for (const timer of timers) clearTimeout(timer);
  return { started, output, wasKilled: signal === "SIGKILL", errors: await errors };
};

const reasonOf = (ran: Awaited<ReturnType<typeof attempt>>, limit: number): string =>
  ran.wasKilled
    ? `The virtual machine was not done after ${limit / 1000} s.`
    : `The virtual machine ended ${ran.started ? "before its script" : "before it had booted"}: ${ran.errors.trim()}`;

/** The end of what the kernel said, without the trace of a panic. */
const lastWords = (path: string): string => {
  try {
    const [words = ""] = Deno.readTextFileSync(path).split(/^.*Call Trace:/m);
    return words.trimEnd().split("\n").slice(-20).join("\n");
  } catch {
    return "";
  }
};

/** `exchange`: a folder that is /.cleat-vm there, and can be written to. `limit`: for all of it, in milliseconds. */
export interface Share {
  readonly exchange: string;
  readonly limit: number;
}

/**
 * Boots `kernel` and runs `command`, a piece of shell, as root there. Where KVM boots, it is used. What goes wrong is
 * told on stderr.
 */
export async function runInMachine(kernel: Kernel, command: string, { exchange, limit }: Share): Promise<Ended> {
  const qemu = findTool("qemu-system-x86_64", "qemu-system-x86");
  const folder = await Deno.makeTempDir({ prefix: "cleat-vm-" });
  try {
    const common = argsOf(kernel, folder, await makeInitramfs(kernel, folder), exchange);
    await Deno.writeTextFile(`${exchange}/script`, scriptOf(command));
    const boot = ({ args, name }: Processor, bootLimit: number) => {
      say(`Booting Linux ${kernel.release}, by ${name}.`);
      return attempt(qemu, [...args, ...common], bootLimit, limit);
    };
    let ran = canOpenKvm() ? await boot(KVM, KVM_BOOT_LIMIT) : null;
    if (ran !== null && !ran.started) say(`KVM does not boot it here${ran.wasKilled ? "" : `: ${ran.errors.trim()}`}`);
    if (ran === null || !ran.started) ran = await boot(EMULATED, limit);
    const status = statusIn(exchange);
    if (status === null) complain(`${reasonOf(ran, limit)}\n${lastWords(`${folder}/console`)}`);
    return { output: ran.output, status };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The first half of the story: two containers get a network, and use it. */
import type { Attachment, CniResult } from "../../mod.ts";
import { type Cast, isInstalled, netnsOf } from "./scenery.ts";
import { code, heading, must, quietly, show, tell, timed, type } from "./stage.ts";

/** How long an answer may take, in milliseconds; a lost packet must not stop the story for minutes. */
const ANSWER_MS = 5_000;

/** The blue container: a MAC address of its choice, and a port of the host. */
export const BLUE: Attachment = {
  containerId: "blue",
  netns: netnsOf("blue"),
  ifName: "eth0",
  capabilityArgs: {
    mac: "02:00:00:00:00:42",
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  },
};

const addressIn = ({ ips = [] }: CniResult): string => ips.map(({ address }) => address).join(", ");

/** By the library. */
export async function attachBlue({ cleat, dbnet }: Cast): Promise<void> {
  heading("Attach the first from a program");
  code(
    'import { Cleat } from "./mod.ts";',
    "await using cleat = new Cleat();",
    'const dbnet = await cleat.load("/run/cni/net.d", "dbnet");',
    "const result = await cleat.attach(dbnet, {",
    '  containerId: "blue", netns: "/run/netns/blue", ifName: "eth0",',
    '  capabilityArgs: { mac: "02:00:00:00:00:42", portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },',
    "});",
  );
  const { value: result, ms } = await timed(() => cleat.attach(dbnet, BLUE));
  const mac = result.interfaces?.find(({ sandbox }) => sandbox)?.mac;
  must(addressIn(result) === "10.1.0.2/16", "blue has the first address, 10.1.0.2/16", addressIn(result));
  must(mac === "02:00:00:00:00:42", "blue has the MAC address it asked for", mac);
  tell(`blue has ${addressIn(result)} and MAC address ${mac}, after ${ms} ms in this process.`);
}

/** By the operator command. */
export async function attachRed(): Promise<void> {
  heading("Attach the second from a shell");
  const { value: { stdout }, ms } = await timed(() => type("cleat add dbnet /run/netns/red --container-id red"));
  const result: CniResult = JSON.parse(stdout);
  show(`… "ips": ${JSON.stringify(result.ips)}, "routes": ${JSON.stringify(result.routes)} …`);
  must(addressIn(result) === "10.1.0.3/16", "red has the next address, 10.1.0.3/16", addressIn(result));
  tell(`red has ${addressIn(result)}, after ${ms} ms with the start of the process.`);
}

/** A running web server. */
interface Server {
  readonly stop: () => Promise<void>;
}

/** Starts a web server in blue; it listens when this resolves. */
async function serveInBlue(): Promise<Server> {
  const command = `nsenter --net=${netnsOf("blue")} deno run -A tasks/demo/web.ts`;
  tell("A web server starts in blue:");
  show(`$ ${command} &`);
  const [program = "", ...args] = command.split(" ");
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const said = new TextDecoder().decode(value).trim();
  must(said.startsWith("listening"), "the web server listens", said || "nothing");
  const stop = async () => {
    await child.stdin.close();
    await reader.cancel();
    await child.status;
  };
  return { stop };
}

/** Red sends packets to blue over the bridge. */
async function pingFromRed(): Promise<void> {
  if (!(await isInstalled("ping"))) return tell("(There is no ping on this machine, so red does not ping blue.)");
  tell("red reaches blue over the bridge:");
  const { stdout } = await type("nsenter --net=/run/netns/red ping -c 1 -W 2 10.1.0.2");
  const answer = stdout.split("\n").find((line) => line.includes("bytes from 10.1.0.2"));
  must(answer !== undefined, "blue answers the ping", stdout);
  show(answer);
}

/** Fetches from the host itself, by this process. */
async function fetchFromHost(url: string, client: string): Promise<void> {
  const text = await (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })).text();
  show(`host: GET ${url}  →  ${text}`);
  must(text === `blue greets ${client}`, `blue sees the host as ${client}`, text);
}

/** Fetches in red, by a process of its own. */
async function fetchFromRed(url: string): Promise<void> {
  const script = `console.log(await (await fetch("${url}", { signal: AbortSignal.timeout(${ANSWER_MS}) })).text())`;
  const { stdout, stderr } = await quietly(`nsenter --net=/run/netns/red deno eval '${script}'`);
  show(`red:  GET ${url}  →  ${stdout.trim()}`);
  must(stdout.startsWith("blue greets 10.1.0."), "red reaches blue", stdout || stderr);
}

/** Everybody reaches the web server in blue. */
export async function useTheNetwork(): Promise<void> {
  heading("Use the network, and the published port");
  await pingFromRed();
  const server = await serveInBlue();
  try {
    await fetchFromRed("http://10.1.0.2/");
    tell(
      "Port 8080 of the host is port 80 of blue: over loopback, over the bridge's address, and for its neighbour too.",
    );
    await fetchFromHost("http://127.0.0.1:8080/", "10.1.0.1");
    await fetchFromHost("http://10.1.0.1:8080/", "10.1.0.1");
    await fetchFromRed("http://10.1.0.1:8080/");
  } finally {
    await server.stop();
  }
}

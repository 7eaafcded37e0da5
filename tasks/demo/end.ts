/** The last part of the story: a killed ADD, the end of all attachments, and the log that tells of it. */
import { BLUE } from "./attach.ts";
import { killHalfWay } from "./kill.ts";
import { type Belongings, belongings, describe } from "./looks.ts";
import { type Cast, netnsOf } from "./scenery.ts";
import { heading, must, quietly, show, tell, type } from "./stage.ts";

/** How much of a replay is shown from its beginning, and from its end, in lines. */
const SHOWN = 18;

/** The last lines of a text. */
const tail = (text: string, count: number): string => text.trimEnd().split("\n").slice(-count).join("\n");

/** What is there now and was not there before. */
const added = (before: Belongings, after: Belongings): Belongings => {
  const fresh = (key: keyof Belongings) => after[key].filter((name) => !before[key].includes(name));
  return { links: fresh("links"), leases: fresh("leases"), elements: fresh("elements"), results: fresh("results") };
};

/** Kills an ADD; one DEL takes back what it did. Answers the container's ID. */
export async function killAndRecover({ cleat, dbnet }: Cast): Promise<string> {
  heading("Kill an ADD half-way, and recover with one DEL");
  const before = await belongings(cleat);
  const { containerId, pid } = await killHalfWay(cleat, dbnet, netnsOf("green"));
  tell(`$ cleat add dbnet /run/netns/green --container-id ${containerId} &`);
  tell(`$ kill -KILL ${pid}                    (sent when the lease appeared)`);
  tell("The process is dead. Nobody has cleaned up:");
  const left = added(before, await belongings(cleat));
  show(describe(left));
  must(left.links.length === 1 && left.leases.length === 1, "the dead process has left a link and a lease", left);
  tell("But each change was in the log before it happened, with its undo:");
  const { stdout: last } = await type(`cleat log dbnet ${containerId} | tail -n 3`);
  show(last);
  const { stdout: all } = await quietly(`cleat log dbnet ${containerId}`);
  must(
    /about to reserve .*; to undo: release/.test(all),
    "the lease and its undo were logged before it was taken",
    all,
  );
  await type(`cleat del dbnet /run/netns/green --container-id ${containerId}`);
  const after = await belongings(cleat);
  must(JSON.stringify(after) === JSON.stringify(before), "the DEL takes back everything", added(before, after));
  const { stdout: end } = await type(`cleat log dbnet ${containerId} | grep -A 99 -m 1 ' died '`);
  show(end);
  must(
    end.includes(`process ${pid} died`) && end.includes("DEL succeeded"),
    "the log tells of death and recovery",
    end,
  );
  return containerId;
}

/** DEL of everything, also of a container whose namespace is gone; then nothing is left. */
export async function deleteAll({ cleat, dbnet }: Cast): Promise<void> {
  heading("Delete everything");
  const before = await belongings(cleat);
  show(describe(before));
  must(before.elements.length > 0, "blue has elements in nf_tables until now", before);
  tell("red's namespace vanishes before its DEL, as happens when a machine is in trouble:");
  await type("umount /run/netns/red && rm /run/netns/red");
  await type("cleat del dbnet /run/netns/red --container-id red");
  await cleat.detach(dbnet, BLUE);
  tell("> await cleat.detach(dbnet, blue);");
  const after = await belongings(cleat);
  show(describe(after));
  const left = Object.values(after).flat();
  must(left.length === 0, "nothing is left", left);
  tell("Only the bridge stays, with the rules that look things up: they belong to the network.");
}

/** The log is whole, and tells the story again. */
export async function readTheLog(containerId: string): Promise<void> {
  heading("Read the log");
  const { stdout: verdict } = await type("cleat verify");
  show(verdict);
  must(verdict.includes(" 0 damaged"), "all hash chains are whole", verdict);
  tell(
    "The machine goes through the history of the killed ADD once more, record by record, without touching anything:",
  );
  const { stdout } = await type(`cleat replay dbnet/${containerId}/eth0/bridge`);
  must(/^ +\d+ .*detaching → detached$/m.test(stdout), "the replay ends detached", tail(stdout, 4));
  const lines = stdout.trimEnd().split("\n");
  const cut = lines.length - 2 * SHOWN;
  show((cut <= 0 ? lines : [...lines.slice(0, SHOWN), `… ${cut} lines …`, ...lines.slice(-SHOWN)]).join("\n"));
}

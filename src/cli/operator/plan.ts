/** `cleat plan`: what ADD of a network would do. */
import * as Effect from "effect/Effect";
import { describeOp } from "../../machines/describe.ts";
import { type Plan, plan, type PlannedStep } from "../../runtime/plan.ts";
import { failureText } from "../../spec/failure.ts";
import { printableLine } from "../../spec/printable.ts";
import { renderResult } from "../../spec/render_result.ts";
import { type Answer, ExitCode, failed, type Subcommand } from "./command.ts";
import { target, targetOptions } from "./target.ts";

const stepText = ({ slot, op, undo }: PlannedStep, index: number): string => {
  const takenBack = undo === null ? "none: it goes with what carries it, or is shared and stays" : describeOp(undo);
  return `${printableLine(`${String(index + 1).padStart(3)}  ${slot}: ${describeOp(op)}`)}\n${
    printableLine(`     undo: ${takenBack}`)
  }\n`;
};

const notRunText = ({ notRun }: Plan): readonly string[] =>
  notRun.map(({ plugin, file }) =>
    `not run: plugin ${JSON.stringify(plugin)}, ${JSON.stringify(file)}; what it does is not known\n`
  );

const endText = ({ steps, result, failure }: Plan): string => {
  if (failure !== null) return `the plan ends here: ${failureText(failure)}\n`;
  const addresses = (result?.ips ?? []).map(({ address }) => address).join(", ");
  return `${steps.length} steps; ADD would answer ${addresses || "no address"}\n`;
};

/** `cleat plan`. */
export const planCommand: Subcommand = {
  name: "plan",
  arguments: "<network> --netns PATH",
  summary: "show what add would do, without doing it",
  description:
    "Runs ADD of every plugin on a copy of the host as it is now, and prints each change with what would undo it.\n" +
    "Nothing is changed, and neither log nor leases nor cache are written. Plugins of others are named, not run: they\n" +
    "are taken to pass on the result they are given; no DHCP server is asked. MAC addresses that the kernel makes up\n" +
    "are placeholders, and what only the kernel can refuse is not found. Fails where ADD would fail, or where nothing is known of how it goes on.",
  options: [{ name: "netns", value: "PATH", help: "the container's network namespace" }, ...targetOptions],
  run: (parsed, env) =>
    Effect.gen(function* () {
      const { positionals: [network = ""], strings: { netns = "" } } = parsed;
      const positionals = [network, netns].filter((given) => given !== "");
      const { list, attachment } = yield* target({ ...parsed, positionals }, env);
      const planned = yield* Effect.mapError(plan(list, attachment), failed);
      const { result } = planned;
      const shown = result === null ? null : yield* Effect.orDie(renderResult(result, result.cniVersion));
      const answer: Answer = {
        text: [...planned.steps.map(stepText), ...notRunText(planned), endText(planned)].join(""),
        json: { ...planned, result: shown },
        exitCode: planned.failure === null ? ExitCode.OK : ExitCode.FAILED,
      };
      return answer;
    }),
};

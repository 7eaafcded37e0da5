/** The zones of firewalld on a simulated machine: sources that were bound to them. */
import type { KernelOp } from "../op.ts";
import { refuse } from "./refusal.ts";
import type { SimNetns } from "./state.ts";

type Of<Name extends KernelOp["op"]> = Extract<KernelOp, { readonly op: Name }>;

/** Carries out `firewalld.add`: ENOENT where it does not run, EEXIST for a source of another zone. */
export const addToZone = ({ firewalld }: SimNetns, { zone, source }: Of<"firewalld.add">): void => {
  const zones = firewalld ?? refuse("ENOENT");
  if ((zones.get(source) ?? zone) !== zone) refuse("EEXIST");
  zones.set(source, zone);
};

/** Carries out `firewalld.remove`; absence is success. */
export const removeFromZone = ({ firewalld }: SimNetns, { zone, source }: Of<"firewalld.remove">): void => {
  if (firewalld?.get(source) === zone) firewalld.delete(source);
};

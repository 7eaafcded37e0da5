import assert from "node:assert/strict";
import * as Effect from "effect/Effect";
import { BridgeConfig } from "../../../src/plugins/bridge/config.ts";
import { type BridgePlan, planBridge } from "../../../src/plugins/bridge/plan.ts";
import { parseArgs } from "../../../src/spec/args.ts";
import { decodeConfig } from "../../../src/spec/decode_config.ts";
import type { Refused } from "../../../src/spec/failure.ts";
import type { JsonObject } from "../../../src/spec/json.ts";
import { DEFAULT_PLAN } from "../../support/bridge_plan.ts";

const key = { network: "net", containerId: "c1", ifName: "eth0" };
const IPAM = { ipam: { type: "host-local" } };

const attempt = (conf: JsonObject, args = "", cniVersion = "1.1.0") =>
  Effect.gen(function* () {
    const config = yield* decodeConfig(BridgeConfig, conf);
    return yield* planBridge({
      key,
      netns: null,
      config,
      raw: conf,
      cniVersion,
      args: yield* parseArgs(args),
      prevResult: null,
    });
  });

const plan = (conf: JsonObject, args?: string): BridgePlan => Effect.runSync(attempt(conf, args));
const refused = (conf: JsonObject, args?: string, version?: string): Refused =>
  Effect.runSync(Effect.flip(attempt(conf, args, version)));

Deno.test("every key has the documented default", () => {
  assert.deepEqual(plan({}), DEFAULT_PLAN);
});

Deno.test("[A4, I1] keys match whatever their case, as Go's decoder matches them", () => {
  const { mac, bridge } = plan({ Bridge: "br7", RuntimeConfig: { Mac: "02:00:00:00:00:07" } });
  assert.deepEqual([bridge, mac], ["br7", "02:00:00:00:00:07"]);
});

Deno.test("isDefaultGateway implies isGateway, and both need ipam", () => {
  const withIpam = plan({ ...IPAM, isDefaultGateway: true, ipMasq: true });
  assert.deepEqual([withIpam.isGateway, withIpam.isDefaultGateway, withIpam.ipMasq], [true, true, true]);
  const without = plan({ isDefaultGateway: true, ipMasq: true, ipam: {} });
  assert.deepEqual([without.isGateway, without.isDefaultGateway, without.ipMasq, without.ipam], [
    false,
    false,
    false,
    null,
  ]);
});

Deno.test("a name that cannot be a bridge's is refused before anything happens", () => {
  for (const bridge of ["", "a-bridge-of-16-b", "a/b", "a b", ".."]) {
    const { code, msg } = refused({ bridge });
    assert.equal(code, 7, bridge);
    assert.ok(msg.startsWith('Cannot use "bridge"'), msg);
  }
});

Deno.test("a gateway link whose name would be too long is refused before IPAM runs", () => {
  const conf = { ...IPAM, bridge: "bridge-with-12", vlan: 100 };
  assert.equal(plan(conf).vlan, 100, "without a gateway there is no such link");
  assert.match(refused({ ...conf, isGateway: true }).msg, /"bridge-with-12\.100"/);
});

Deno.test("an MTU of 0 and below means the kernel's default; one no veth can have is refused", () => {
  assert.equal(plan({ mtu: 0 }).mtu, undefined);
  assert.equal(plan({ mtu: -1 }).mtu, undefined);
  assert.equal(plan({ mtu: 1400 }).mtu, 1400);
  for (const mtu of [67, 65_536]) assert.match(refused({ mtu }).msg, new RegExp(`"mtu": ${mtu} is not between`));
});

Deno.test("both masquerade backends are accepted, others are not", () => {
  for (const ipMasqBackend of ["iptables", "nftables"]) plan({ ipMasqBackend });
  assert.match(refused({ ipMasqBackend: "ebtables" }).msg, /"ipMasqBackend": "ebtables"/);
});

Deno.test("hairpinMode with promiscMode is refused", () => {
  assert.match(refused({ hairpinMode: true, promiscMode: true }).msg, /"hairpinMode" with "promiscMode"/);
});

Deno.test("[BR17] disableContainerInterface with ipam is refused", () => {
  assert.equal(plan({ disableContainerInterface: true }).containerUp, false);
  assert.match(refused({ ...IPAM, disableContainerInterface: true }).msg, /"disableContainerInterface" with "ipam"/);
});

Deno.test("[BR20] VLAN ids -100 and 5000 are refused, 0 is none", () => {
  assert.deepEqual(plan({ vlan: 0 }).vlans, []);
  for (const vlan of [-100, 5000]) {
    const { code, msg } = refused({ vlan });
    assert.equal(code, 7);
    assert.match(msg, new RegExp(`Cannot use "vlan": ${vlan} is not a VLAN id`));
  }
});

Deno.test("[BR1] vlanTrunk: an empty list, a range, an id, both", () => {
  const vlans = (vlanTrunk: JsonObject[], vlan = 0) => plan({ vlan, vlanTrunk }).vlans;
  const native = { vid: 1, pvid: true, untagged: true };
  assert.deepEqual(vlans([]), []);
  assert.equal(plan({ vlanTrunk: [] }).vlanFiltering, true, "its presence alone turns filtering on");
  assert.deepEqual(vlans([{ minID: 10, maxID: 20 }]), [native, { vid: 10, to: 20 }]);
  assert.deepEqual(vlans([{ id: 33 }]), [native, { vid: 33 }]);
  assert.deepEqual(vlans([{ minID: 10, maxID: 12, id: 33 }, { id: 13 }]), [native, { vid: 10, to: 13 }, { vid: 33 }]);
  assert.deepEqual(vlans([{}]), [], "an entry with no fields contributes nothing");
});

Deno.test("[BR2] vlanTrunk: half ranges and ids out of bounds are refused, naming the entry", () => {
  const faults: [JsonObject, RegExp][] = [
    [{ minID: 10 }, /"vlanTrunk\[0\]": it has "minID" but no "maxID"/],
    [{ maxID: 10 }, /"vlanTrunk\[0\]": it has "maxID" but no "minID"/],
    [{ minID: -1, maxID: 10 }, /"vlanTrunk\[0\]\.minID": -1/],
    [{ minID: 4095, maxID: 4096 }, /"vlanTrunk\[0\]\.minID": 4095/],
    [{ minID: 1, maxID: 4095 }, /"vlanTrunk\[0\]\.maxID": 4095/],
    [{ minID: 20, maxID: 10 }, /"maxID" 10 is below "minID" 20/],
    [{ id: 4095 }, /"vlanTrunk\[0\]\.id": 4095/],
    [{ id: -1 }, /"vlanTrunk\[0\]\.id": -1/],
  ];
  for (const [entry, sentence] of faults) assert.match(refused({ vlanTrunk: [entry] }).msg, sentence);
});

Deno.test("[BR6] with vlan and trunk, the port's own VLAN is native and stays out of the trunk", () => {
  assert.deepEqual(plan({ vlan: 100, vlanTrunk: [{ minID: 99, maxID: 101 }] }).vlans, [
    { vid: 100, pvid: true, untagged: true },
    { vid: 99 },
    { vid: 101 },
  ]);
});

Deno.test("[F1, F2, F8, F14, F15, BR12] args.cni beats CNI_ARGS, runtimeConfig beats both", () => {
  const args = "MAC=02:00:00:00:00:01";
  const inArgs = { args: { cni: { mac: "02:00:00:00:00:02" } } };
  const inRuntime = { runtimeConfig: { mac: "0200.0000.0003" } };
  assert.equal(plan({}, args).mac, "02:00:00:00:00:01");
  assert.equal(plan(inArgs, args).mac, "02:00:00:00:00:02");
  assert.equal(plan({ ...inArgs, ...inRuntime }, args).mac, "02:00:00:00:00:03");
  assert.equal(plan({ ...inArgs, runtimeConfig: { mac: "" } }, args).mac, "02:00:00:00:00:02", "empty is unset");
});

Deno.test("a MAC that is none is refused before the veth is made", () => {
  assert.match(refused({}, "MAC=oops").msg, /CNI_ARGS "MAC": "oops"/);
  assert.match(refused({ runtimeConfig: { mac: "oops" } }).msg, /"runtimeConfig\.mac": "oops"/);
});

Deno.test("[B25, F18] unknown CNI_ARGS are refused unless IgnoreUnknown says otherwise", () => {
  assert.equal(refused({}, "IP=10.0.0.2").code, 4);
  assert.equal(plan({}, "IP=10.0.0.2;K8S_POD_NAME=p;IgnoreUnknown=1").mac, undefined);
});

Deno.test("[BR6] layer 2 with a config before 0.3.0 is refused: its result could not be printed", () => {
  for (const version of ["0.1.0", "0.2.0"]) assert.match(refused({}, "", version).msg, new RegExp(version));
  assert.equal(Effect.runSync(attempt(IPAM, "", "0.2.0")).ipam, "host-local");
});

Deno.test("[A36] dns replaces IPAM's as a whole if any of its fields is present, even an empty list", () => {
  assert.equal(plan({ dns: {} }).dns, null);
  assert.equal(plan({ dns: { domain: "" } }).dns, null);
  assert.deepEqual(plan({ dns: { nameservers: [] } }).dns, { nameservers: [] });
  assert.deepEqual(plan({ dns: { domain: "a.example" } }).dns, { domain: "a.example" });
});

Deno.test("a quoted boolean is no boolean", () => {
  assert.match(refused({ disableContainerInterface: "true" }).msg, /"disableContainerInterface": "true" is not/);
});

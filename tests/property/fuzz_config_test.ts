/** Whatever a configuration file holds: a network that reads the same again, or a refusal that says where. */
import assert from "node:assert/strict";
import { jsonOf } from "../../src/spec/json.ts";
import {
  listFromPluginConf,
  type NetworkList,
  parseNetworkList,
  parsePluginConf,
} from "../../src/spec/network_list.ts";
import { fuzz } from "../support/fuzz.ts";
import { NETWORK, PLUGIN_CONF } from "../support/fuzz_documents.ts";
import { almost, smallerText } from "../support/fuzz_text.ts";
import { namesPlace, sameJson, settle, type Verdict } from "../support/fuzz_verdict.ts";

const FILE = "/etc/cni/net.d/10-lab.conflist";

/** A refusal names the file, and a place where the text is JSON. */
function isPlaced(verdict: Verdict<unknown>, text: string): void {
  if (verdict.ok) return;
  assert(verdict.failure.msg.includes(FILE), verdict.failure.msg);
  const value = jsonOf(text);
  if (value !== undefined) namesPlace(verdict.failure, value);
}

const again = ({ name, cniVersion, disableCheck, disableGC, loadOnlyInlinedPlugins, plugins }: NetworkList) =>
  JSON.stringify({
    name,
    cniVersion,
    disableCheck,
    disableGC,
    loadOnlyInlinedPlugins,
    ...(plugins.length === 0 ? {} : { plugins: plugins.map(({ raw }) => raw) }),
  });

const withoutRaw = ({ raw: _, ...list }: NetworkList) => list;

Deno.test("a network list of whatever text is refused by name or reads the same again", async (t) => {
  await fuzz(t, "network lists", {
    make: (random) => almost(random, NETWORK),
    holds: (text) => {
      const verdict = settle(parseNetworkList(text, FILE));
      isPlaced(verdict, text);
      if (!verdict.ok) return;
      const list = verdict.value;
      assert.equal(list.raw, text);
      const back = settle(parseNetworkList(again(list), FILE));
      assert(back.ok, JSON.stringify(back));
      sameJson(withoutRaw(back.value), withoutRaw(list));
      for (const { type, capabilities } of list.plugins) {
        assert(typeof type === "string" && type !== "");
        assert(Object.values(capabilities).every((wanted) => typeof wanted === "boolean"));
      }
    },
    smaller: smallerText,
  });
});

Deno.test("a plugin configuration of whatever text is refused by name or reads the same again", async (t) => {
  await fuzz(t, "plugin confs", {
    make: (random) => almost(random, PLUGIN_CONF),
    holds: (text) => {
      const verdict = settle(parsePluginConf(text, FILE));
      isPlaced(verdict, text);
      if (!verdict.ok) return;
      sameJson(settle(parsePluginConf(JSON.stringify(verdict.value.raw), FILE)), verdict);
      const list = settle(listFromPluginConf(verdict.value, FILE));
      isPlaced(list, text);
      if (list.ok) sameJson(list.value.plugins, [verdict.value]);
    },
    smaller: smallerText,
  });
});

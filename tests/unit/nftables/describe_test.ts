import assert from "node:assert/strict";
import type { NftCommand } from "../../../src/effects/kernel/nft.ts";
import { describeNft } from "../../../src/effects/kernel/linux/nftables/describe.ts";

const at = { family: "inet", table: "cleat" } as const;
const key = [{ protocol: "tcp" }, { port: 8080 }] as const;

Deno.test("every command is named by kind, table and its own name, on one line", () => {
  const named: readonly [NftCommand, string][] = [
    [{ add: "table", ...at }, "table inet cleat"],
    [{ add: "chain", ...at, chain: "postrouting" }, "chain cleat postrouting"],
    [{ add: "set", ...at, set: "local", key: ["ipv4_addr"] }, "set cleat local"],
    [{ add: "set", ...at, set: "masq4", key: ["ipv4_addr"], value: "verdict" }, "map cleat masq4"],
    [{ add: "rule", ...at, chain: "net", exprs: [] }, "rule cleat net"],
    [{ add: "rule", ...at, chain: "net", exprs: [], comment: "leave" }, 'rule cleat net "leave"'],
    [{ add: "element", ...at, set: "hostports4", key }, "element cleat hostports4 { tcp . 8080 }"],
    [{ remove: "element", ...at, set: "hostports4", key }, "element cleat hostports4 { tcp . 8080 }"],
    [
      {
        add: "element",
        ...at,
        set: "spoof",
        key: [{ ifName: "veth0" }, { mac: "0a:58:0a:01:00:02" }, { ip: "fd00::2" }],
      },
      'element cleat spoof { "veth0" . 0a:58:0a:01:00:02 . fd00::2 }',
    ],
  ];
  for (const [command, text] of named) assert.equal(describeNft(command), text);
});

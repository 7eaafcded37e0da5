/** The simulated kernel beside the real one: macvlans. Other links that stand on one are in tests/vm. */
import { fidelity } from "../support/host_fidelity.ts";
import { attached, remove, set, until, veth } from "../support/host_ops.ts";
import { everything } from "../support/host_script.ts";
import { life, macvlan, make, parent } from "../support/links_over.ts";

fidelity("a macvlan lives and dies with its parent, whatever names the host has", life(macvlan("p0")));
fidelity("a macvlan has the MTU, MAC and mode that it was made with, or is not made", [
  ...parent,
  ["a missing parent", make("eth0", macvlan("p9"))],
  ["lo as parent", make("eth0", macvlan("lo"))],
  ["MTU and MAC", make("eth0", macvlan("p0", "private"), { mtu: 1300, mac: "0a:00:00:00:00:01" })],
  ["a larger MTU than the parent's", make("eth1", macvlan("p0"), { mtu: 1401 })],
  ["an MTU that no device has", make("eth1", macvlan("p0"), { mtu: 10 })],
  ["a multicast MAC", make("eth1", macvlan("p0"), { mac: "01:00:5e:00:00:01" })],
  ["a name that is too long", make("a-name-of-16-byte", macvlan("p0"))],
  ["mode vepa", make("eth1", macvlan("p0", "vepa"))],
  ["passthru beside others", make("eth2", macvlan("p0", "passthru"))],
  ...everything("container", "eth0", "eth1", "eth2"),
  ["passthru alone", make("eth2", macvlan("p1", "passthru"))],
  ["another beside it", make("eth3", macvlan("p1"))],
  ["a port of a bridge as parent", veth("p2", "p3", { master: "br9" }, "host")],
  ["on it", make("eth3", macvlan("p2"))],
  ...everything("container", "eth2", "eth3"),
]);

fidelity("a macvlan stands on a link of the container, and on another macvlan", [
  ...attached,
  ["on the container's own link", make("mv0", macvlan("eth0", "bridge", "container"))],
  ["on that", make("mv1", macvlan("mv0", "vepa", "container"))],
  ["it goes up", set("container", "mv0", { up: true })],
  until("container", "mv0", "up"),
  ...everything("container", "mv0", "mv1"),
  ["the one between goes", remove("container", "mv0")],
  ...everything("container", "mv0", "mv1"),
  ["the host's end goes", remove("host", "veth0")],
  ...everything("container", "mv1"),
]);

fidelity("with the container's namespace its macvlans go, and their parent stays", [
  ...parent,
  ["a macvlan", make("eth0", macvlan("p0"))],
  ["its last process ends", "the container goes"],
  ...everything("host", "p0"),
  ["a macvlan into it", make("eth1", macvlan("p0"))],
]);

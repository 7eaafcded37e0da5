/** A firewall-cmd over a folder of files, one for each source: what the real one answers, without firewalld. */

const SCRIPT = `#!/bin/sh
zones=\${0%/*}/zones
[ -d "$zones" ] || { echo "FirewallD is not running" >&2; exit 252; }
zone=trusted
for word; do
  file=$zones/$(printf %s "\${word#*=}" | tr / _)
  case $word in
  --state) echo running ;;
  --zone=*) zone=\${word#--zone=} ;;
  --get-zone-of-source=*) [ -e "$file" ] || { echo "no zone"; exit 2; }; cat "$file" ;;
  --add-source=*)
    [ "$zone" != nowhere ] || { echo "Error: INVALID_ZONE: $zone" >&2; exit 112; }
    if [ -e "$file" ]; then
      [ "$(cat "$file")" = "$zone" ] && echo "Warning: ALREADY_ENABLED: $word" >&2 && exit 0
      echo "Error: ZONE_CONFLICT: '\${word#*=}' already bound to a zone" >&2; exit 0
    fi
    echo "$zone" > "$file"; echo success ;;
  --remove-source=*)
    [ "$(cat "$file" 2>/dev/null)" = "$zone" ] || { echo "Error: UNKNOWN_SOURCE: \${word#*=}" >&2; exit 133; }
    rm "$file"; echo success ;;
  *) echo "Error: unknown $word" >&2; exit 2 ;;
  esac
done
`;

/** A firewalld of a test's own. */
export interface FakeFirewalld {
  /** The folder of its program, for PATH. */
  readonly folder: string;
  /** Zones by source, slashes as underscores. */
  readonly zones: () => Readonly<Record<string, string>>;
  /** Ends it, with all that it knows. */
  readonly stop: () => void;
}

/** Starts one in this folder, which is made. */
export function fakeFirewalld(folder: string): FakeFirewalld {
  const zones = `${folder}/zones`;
  Deno.mkdirSync(zones, { recursive: true });
  Deno.writeTextFileSync(`${folder}/firewall-cmd`, SCRIPT, { mode: 0o755 });
  return {
    folder,
    zones: () =>
      Object.fromEntries(
        [...Deno.readDirSync(zones)].map(({ name }) => [name, Deno.readTextFileSync(`${zones}/${name}`).trim()]),
      ),
    stop: () => Deno.removeSync(zones, { recursive: true }),
  };
}

// Runs one verb of a network list with Go's libcni, as container runtimes do:
// libcni <ADD|CHECK|DEL> <conflist> <cache dir> <container id> <netns> <ifname>, with CNI_PATH and CAP_ARGS.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
)

func run(verb, conflist, cache, id, netns, ifname string) error {
	list, err := libcni.ConfListFromFile(conflist)
	if err != nil {
		return err
	}
	capabilities := map[string]interface{}{}
	if err := json.Unmarshal([]byte(os.Getenv("CAP_ARGS")), &capabilities); err != nil {
		return err
	}
	cni := libcni.NewCNIConfigWithCacheDir(filepath.SplitList(os.Getenv("CNI_PATH")), cache, nil)
	rt := &libcni.RuntimeConf{ContainerID: id, NetNS: netns, IfName: ifname, CapabilityArgs: capabilities}
	switch verb {
	case "ADD":
		result, err := cni.AddNetworkList(context.Background(), list, rt)
		if err != nil {
			return err
		}
		return result.Print()
	case "CHECK":
		return cni.CheckNetworkList(context.Background(), list, rt)
	case "DEL":
		return cni.DelNetworkList(context.Background(), list, rt)
	}
	return fmt.Errorf("no such verb: %s", verb)
}

func main() {
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "six arguments expected")
		os.Exit(2)
	}
	a := os.Args
	if err := run(a[1], a[2], a[3], a[4], a[5], a[6]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Runs one verb of a network list with Go's libcni, as container runtimes do:
//
//	libcni <verb> <conflist> <cache dir> <container id> <netns> <ifname>
//
// with CNI_PATH, CAP_ARGS (a JSON object) and CNI_ARGS (K=V;K=V). The verbs are those of the protocol, and
//
//	VALIDATE     prints the capabilities of the list
//	CACHED       prints what the cache holds: the result, the list, arguments
//	ATTACHMENTS  prints the cached attachments of the container; of all containers for the id "-"
//
// GC reads the valid attachments, an array of {"containerID", "ifname"}, from VALID_ATTACHMENTS. Exit status 3 says that
// this libcni is older than the verb.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"

	"github.com/containernetworking/cni/libcni"
)

var errNotOffered = errors.New("this libcni does not offer the verb")

// call calls a method that only newer releases have, with arguments made by `fill` from JSON.
func call(cni *libcni.CNIConfig, name string, fill func(reflect.Type) (reflect.Value, error)) ([]reflect.Value, error) {
	method := reflect.ValueOf(cni).MethodByName(name)
	if !method.IsValid() {
		return nil, errNotOffered
	}
	args := []reflect.Value{}
	for i := 0; i < method.Type().NumIn(); i++ {
		arg, err := fill(method.Type().In(i))
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	results := method.Call(args)
	if err, failed := results[len(results)-1].Interface().(error); failed {
		return nil, err
	}
	return results[:len(results)-1], nil
}

// filler makes arguments: a context, the list, the container id, and structures from the JSON in VALID_ATTACHMENTS.
func filler(list *libcni.NetworkConfigList, id string) func(reflect.Type) (reflect.Value, error) {
	known := []reflect.Value{reflect.ValueOf(context.Background()), reflect.ValueOf(list), reflect.ValueOf(id)}
	return func(wanted reflect.Type) (reflect.Value, error) {
		for _, value := range known {
			if value.Type().AssignableTo(wanted) {
				return value, nil
			}
		}
		made := reflect.New(wanted.Elem())
		valid := fmt.Sprintf(`{"ValidAttachments":%s}`, os.Getenv("VALID_ATTACHMENTS"))
		return made, json.Unmarshal([]byte(valid), made.Interface())
	}
}

func printJSON(value interface{}) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}

// versions prints what each plugin of the list answers to VERSION.
func versions(cni *libcni.CNIConfig, list *libcni.NetworkConfigList) error {
	supported := map[string][]string{}
	for _, plugin := range list.Plugins {
		info, err := cni.GetVersionInfo(context.Background(), plugin.Network.Type)
		if err != nil {
			return err
		}
		supported[plugin.Network.Type] = info.SupportedVersions()
	}
	return printJSON(supported)
}

// cached prints what the cache tells of an attachment.
func cached(cni *libcni.CNIConfig, list *libcni.NetworkConfigList, rt *libcni.RuntimeConf) error {
	result, err := cni.GetNetworkListCachedResult(list, rt)
	if err != nil {
		return err
	}
	config, with, err := cni.GetNetworkListCachedConfig(list, rt)
	if err != nil {
		return err
	}
	if with == nil {
		return printJSON(map[string]interface{}{"result": result})
	}
	return printJSON(map[string]interface{}{
		"result": result, "config": string(config), "cniArgs": with.Args, "capabilityArgs": with.CapabilityArgs,
	})
}

func run(verb, conflist, cache, id, netns, ifname string) error {
	list, err := libcni.ConfListFromFile(conflist)
	if err != nil {
		return err
	}
	capabilities := map[string]interface{}{}
	if text := os.Getenv("CAP_ARGS"); text != "" {
		if err := json.Unmarshal([]byte(text), &capabilities); err != nil {
			return err
		}
	}
	args := [][2]string{}
	for _, pair := range strings.Split(os.Getenv("CNI_ARGS"), ";") {
		if name, value, found := strings.Cut(pair, "="); found {
			args = append(args, [2]string{name, value})
		}
	}
	cni := libcni.NewCNIConfigWithCacheDir(filepath.SplitList(os.Getenv("CNI_PATH")), cache, nil)
	rt := &libcni.RuntimeConf{ContainerID: id, NetNS: netns, IfName: ifname, Args: args, CapabilityArgs: capabilities}
	ctx := context.Background()
	switch verb {
	case "ADD":
		result, err := cni.AddNetworkList(ctx, list, rt)
		if err != nil {
			return err
		}
		return result.Print()
	case "CHECK":
		return cni.CheckNetworkList(ctx, list, rt)
	case "DEL":
		return cni.DelNetworkList(ctx, list, rt)
	case "GC":
		_, err := call(cni, "GCNetworkList", filler(list, ""))
		return err
	case "STATUS":
		_, err := call(cni, "GetStatusNetworkList", filler(list, ""))
		return err
	case "VERSION":
		return versions(cni, list)
	case "VALIDATE":
		found, err := cni.ValidateNetworkList(ctx, list)
		if err != nil {
			return err
		}
		sort.Strings(found)
		return printJSON(found)
	case "CACHED":
		return cached(cni, list, rt)
	case "ATTACHMENTS":
		found, err := call(cni, "GetCachedAttachments", filler(list, strings.TrimPrefix(id, "-")))
		if err != nil {
			return err
		}
		return printJSON(found[0].Interface())
	}
	return fmt.Errorf("no such verb: %s", verb)
}

func main() {
	if len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "six arguments expected")
		os.Exit(2)
	}
	a := os.Args
	err := run(a[1], a[2], a[3], a[4], a[5], a[6])
	if errors.Is(err, errNotOffered) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

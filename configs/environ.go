package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reaperd/reaperd/policy"
)

// envPrefix begins every name in the environment that is ours. Not every such name is meant for us: Kubernetes gives
// each container REAPERD_PORT and others for a Service that is called reaperd.
const envPrefix = "REAPERD_"

// EventPrefix begins every name in the environment of a hook.
const EventPrefix = envPrefix + "EVENT_"

// EnvName is the name of a key in the environment: "drain.timeout" is REAPERD_DRAIN_TIMEOUT.
func EnvName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// envNames maps every name to its path. REAPERD_LIMIT_<METRIC> is short for the metric's drain.
func envNames(r registry[Config]) map[string]string {
	names := map[string]string{}
	for _, k := range r {
		if k.form != asTables {
			names[EnvName(k.path)] = k.path
		}
	}
	for m := range policy.NumMetrics {
		names[EnvName("limit."+m.String())] = "limits." + m.String() + ".drain"
	}
	return names
}

// environ gives the entries of the environment, by name. An unknown name is only warned of; two names that give one
// key different values are a mistake, for an environment has no order in which the last could win.
func (l *loader) environ(environ []string) []entry {
	paths := envNames(l.keys)
	ours := slices.DeleteFunc(slices.Sorted(slices.Values(environ)), func(v string) bool {
		return !strings.HasPrefix(v, envPrefix)
	})
	var entries []entry
	set := map[string]string{} // path → the variable that set it
	for _, variable := range ours {
		name, value, _ := strings.Cut(variable, "=")
		path, known := paths[name]
		if !known {
			l.unknownName(name, paths)
			continue
		}
		k, _ := l.keys.find(path)
		at := place{name: name, layer: byEnviron}
		otherName, otherValue, twice := strings.Cut(set[path], "=")
		if twice && otherValue != value {
			l.wrong(at, path, "%s differs from %s of %s: keep one of them", show(value), show(otherValue), otherName)
		}
		set[path] = variable
		entries = append(entries, entry{path: path, raw: k.form.value(value), at: at})
	}
	return entries
}

func (l *loader) unknownName(name string, paths map[string]string) {
	if name == EnvName("config") || strings.HasPrefix(name, EventPrefix) {
		return // the caller's, which says where the file is; or we run in a hook of another reaperd
	}
	known := []string{EnvName("config")}
	for n := range paths {
		known = append(known, n)
	}
	slices.Sort(known)
	l.warnings = append(l.warnings,
		fmt.Sprintf("%s is no setting of reaperd and is ignored (the nearest known is %s)", printable(name), nearest(name, known)))
}

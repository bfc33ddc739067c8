package configs

import (
	"os"
	"strings"
	"testing"

	"github.com/reaperd/reaperd/policy"
)

func TestEveryKeyIsInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range newRegistry().paths() {
		name := path
		for m := range policy.NumMetrics {
			name = strings.Replace(name, "limits."+m.String()+".", "limits.M.", 1)
		}
		if hook, found := strings.CutSuffix(name, "_timeout"); found && strings.HasPrefix(name, "hooks.") {
			name = hook // one row for both
		}
		known := false
		for _, as := range []string{path, name, lastWord(name), "[[" + name + "]]"} {
			known = known || strings.Contains(string(page), "`"+as+"`")
		}
		if !known {
			t.Errorf("configs/README.md does not tell of %s", path)
		}
	}
}

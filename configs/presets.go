package configs

import (
	"embed"
	"slices"
	"strings"
)

//go:embed presets/*.toml
var presetFiles embed.FS

// Presets lists the names of the presets, sorted.
func Presets() []string {
	entries, err := presetFiles.ReadDir("presets")
	if err != nil {
		return nil // cannot be: the folder is part of the binary
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	slices.Sort(names)
	return names
}

// PresetText is the commented TOML of a preset.
func PresetText(name string) (string, bool) {
	if !slices.Contains(Presets(), name) {
		return "", false
	}
	text, err := presetFiles.ReadFile("presets/" + name + ".toml")
	return string(text), err == nil
}

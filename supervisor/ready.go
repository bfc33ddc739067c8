package supervisor

import "time"

// told is what this incarnation of the app has said about itself.
type told struct {
	ready     time.Time // for the first time; zero: not yet
	reloading time.Time // and not ready again since
	mainPID   int
	status    string
}

// onReady: the app can do its work, for the first time or after a reload.
func (m *Machine) onReady(now time.Time) []Effect {
	t := &m.told
	var say Say
	switch {
	case !m.up:
		return nil
	case t.ready.IsZero():
		t.ready = now
		say = Say{Info, "ready", []any{"after", rough(now.Sub(m.upSince))}}
	case !t.reloading.IsZero():
		say = Say{Info, "reloaded", []any{"took", rough(now.Sub(t.reloading))}}
	default:
		return nil
	}
	t.reloading = time.Time{}
	return []Effect{m.withStatus(say)}
}

// withStatus adds what the app has last said of its state.
func (m *Machine) withStatus(s Say) Say {
	if m.told.status != "" {
		s.Story = append(s.Story[:len(s.Story):len(s.Story)], "status", m.told.status)
	}
	return s
}

// onTold notes what the app says.
func (m *Machine) onTold(now time.Time, e Told) []Effect {
	if !m.up {
		return nil
	}
	t := &m.told
	var effects []Effect
	if status := Printable(e.Status); status != "" && status != t.status {
		t.status = status
		effects = append(effects, Say{Debug, "the app says", []any{"status", status}})
	}
	if e.MainPID != 0 && e.MainPID != t.mainPID {
		t.mainPID = e.MainPID
		effects = append(effects, Say{Debug, "the app names a main process: reaperd keeps to the one that it started", []any{"pid", e.MainPID}})
	}
	if e.Reloading && t.reloading.IsZero() {
		t.reloading = now
		effects = append(effects, Say{Info, "the app is reloading", nil})
	}
	return effects
}

package policy

import "time"

// Rate is an amount per time: 20 a minute, 12 MiB an hour. The zero value is not set.
type Rate struct {
	Value uint64 // in the unit of the metric
	Per   time.Duration
}

// Set says whether there is a rate to speak of.
func (r Rate) Set() bool { return r.Value > 0 && r.Per > 0 }

// Text writes the rate as a user would: "20/min", "12MiB/h", "5/s", and "3/30s" for a time that has no name.
func (r Rate) Text(m Metric) string {
	per := r.Per.String()
	switch r.Per {
	case time.Second:
		per = "s"
	case time.Minute:
		per = "min"
	case time.Hour:
		per = "h"
	case 24 * time.Hour:
		per = "day"
	}
	return m.text(r.Value) + "/" + per
}

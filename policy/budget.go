package policy

import "time"

// The looks may cost 1% of a core over any 10 s: half of it as it comes, half saved up for a chase.
const (
	budgetShare = 200 // looks cost one part of this many, once nothing is saved
	budgetSaved = 50 * time.Millisecond
)

// budget is the CPU time that looks may still cost.
type budget struct {
	at   time.Time // of the last look
	left time.Duration
}

// spend books the cost of a look.
func (b *budget) spend(at time.Time, cost time.Duration) {
	if b.at.IsZero() {
		b.left = budgetSaved
	} else if passed := at.Sub(b.at); passed > 0 {
		b.left = min(budgetSaved, b.left+passed/budgetShare)
	}
	b.at = at
	b.left -= max(0, cost)
}

// wait is how long it takes until another look of that cost is paid for.
func (b *budget) wait(cost time.Duration) time.Duration {
	return max(0, (cost-b.left)*budgetShare)
}

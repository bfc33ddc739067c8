package configs

import (
	"slices"
	"strings"
)

// shellCommand is one simple command of a shell's script.
type shellCommand struct {
	words []string
	end   string // what follows it: ; & && || | or nothing
}

// parseShell takes a script apart, as far as is needed to see which program it starts: words, quotes and operators.
// Variables and $(...) stay as they are written. What has more structure than a list of commands is not understood: nil.
func parseShell(text string) []shellCommand {
	s := &shellScript{rest: text}
	for s.rest != "" {
		if !s.step() {
			return nil
		}
	}
	s.endCommand("")
	return s.commands
}

type shellScript struct {
	rest     string
	commands []shellCommand
	words    []string
	word     strings.Builder
	inWord   bool
}

// structures begin what is more than a list of commands.
var structures = []string{"if", "while", "until", "for", "case", "function", "{", "!", "[["}

// step takes the next piece off the rest.
func (s *shellScript) step() bool {
	c := s.rest[0]
	switch {
	case strings.IndexByte(" \t", c) >= 0:
		s.endWord()
		s.take(1)
	case c == '#' && !s.inWord:
		s.take(len(s.rest) - len(strings.TrimLeftFunc(s.rest, func(r rune) bool { return r != '\n' })))
	case strings.HasPrefix(s.rest, "\\\n"):
		s.take(2)
	case c == '\\' && len(s.rest) > 1:
		s.add(s.rest[1:2])
		s.take(2)
	case c == '\'' || c == '"' || c == '`':
		return s.quoted(c)
	case strings.HasPrefix(s.rest, "$("):
		return s.substitution()
	case c == '>' || c == '<':
		return s.redirection()
	case strings.IndexByte(";&|\n", c) >= 0:
		operator := s.rest[:1]
		if len(s.rest) > 1 && s.rest[1] == c && c != '\n' && c != ';' {
			operator = s.rest[:2]
		}
		s.take(len(operator))
		return s.endCommand(strings.Replace(operator, "\n", ";", 1))
	case c == '(' || c == ')':
		return false
	default:
		s.add(s.rest[:1])
		s.take(1)
	}
	return true
}

func (s *shellScript) take(n int) { s.rest = s.rest[n:] }

func (s *shellScript) add(text string) {
	s.inWord = true
	s.word.WriteString(text)
}

// quoted takes a string with its quotes; a backquoted one keeps them, for its text is not the word.
func (s *shellScript) quoted(quote byte) bool {
	for i := 1; i < len(s.rest); i++ {
		switch {
		case s.rest[i] == '\\' && quote != '\'':
			i++
		case s.rest[i] == quote:
			text := s.rest[1:i]
			if quote == '`' {
				text = s.rest[:i+1]
			}
			s.add(text)
			s.take(i + 1)
			return true
		}
	}
	return false
}

// substitution takes $(...) as it stands, with those within it.
func (s *shellScript) substitution() bool {
	depth := 0
	for i, c := range s.rest {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				s.add(s.rest[:i+1])
				s.take(i + 1)
				return true
			}
		}
	}
	return false
}

// redirection drops 2>&1, >file and the like. A here-document is not understood.
func (s *shellScript) redirection() bool {
	if strings.HasPrefix(s.rest, "<<") || strings.HasPrefix(s.rest, "<(") || strings.HasPrefix(s.rest, ">(") {
		return false
	}
	if s.inWord && strings.Trim(s.word.String(), "0123456789") == "" {
		s.word.Reset() // the number of the descriptor
		s.inWord = false
	}
	s.endWord()
	s.rest = strings.TrimLeft(s.rest, "<>&| \t")
	s.rest = strings.TrimLeftFunc(s.rest, func(r rune) bool { return !strings.ContainsRune(" \t\n;&|", r) })
	return true
}

func (s *shellScript) endWord() {
	if s.inWord {
		s.words = append(s.words, s.word.String())
		s.word.Reset()
		s.inWord = false
	}
}

// endCommand drops the assignments in front of a command. An operator after nothing is a syntax error, or one of those
// that are not understood.
func (s *shellScript) endCommand(operator string) bool {
	s.endWord()
	words := s.words
	s.words = nil
	for len(words) > 0 && matches(assignment, words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return operator == ";" || operator == ""
	case slices.Contains(structures, words[0]):
		return false
	}
	s.commands = append(s.commands, shellCommand{words, operator})
	return true
}

// brief are commands that a script is not there for, though they may stand last.
var brief = []string{"true", ":", "wait", "exit", "echo", "sleep"}

// longest is the command that a script ends with. Where several run at once, or one or the other, it is nothing.
func longest(script []shellCommand) shellCommand {
	var found []shellCommand
	background, reads := false, false
	for _, c := range script {
		background = background || c.end == "&"
		if !reads && !slices.Contains(brief, c.words[0]) { // the first of a pipeline is the app, the others read it
			found = append(found, c)
		}
		reads = c.end == "|"
	}
	if len(found) == 0 || len(found) > 1 && (background || found[len(found)-2].end == "||") {
		return shellCommand{}
	}
	return found[len(found)-1]
}

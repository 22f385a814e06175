import type { ErrorCode } from 'yaml'

/** What each syntax error means and what to do: the parser's own words quote the file, which may hold a secret. */
export const yamlSyntax: Readonly<Partial<Record<ErrorCode, readonly [message: string, hint: string]>>> = {
  ALIAS_PROPS: ['an alias cannot have an anchor or a tag.', 'Remove what stands before the alias.'],
  BAD_ALIAS: ["'*' starts an alias here.", "Put text that starts with '*' in quotes: '* * * * *'."],
  BAD_DIRECTIVE: ["a line that starts with '%' is a directive, and this one is unknown.", 'Remove the line.'],
  BAD_DQ_ESCAPE: ['a backslash in double quotes starts an escape, and this one is unknown.', 'Use single quotes.'],
  BAD_INDENT: ['the indentation or a bracket does not fit.', 'Indent keys of one level alike and close every bracket.'],
  BAD_PROP_ORDER: ['an anchor or a tag stands in the wrong place.', 'Put it right before its value.'],
  BAD_SCALAR_START: ['text cannot start with this character.', 'Put the text in quotes.'],
  BLOCK_AS_IMPLICIT_KEY: [
    'a second key stands on one line.',
    "Start a new line, or put text that has ': ' in it in quotes.",
  ],
  BLOCK_IN_FLOW: ['an indented block cannot stand inside brackets.', 'Use brackets and commas inside brackets.'],
  DUPLICATE_KEY: ['a key is given twice.', 'Keep one of them.'],
  KEY_OVER_1024_CHARS: ['a key is longer than 1024 characters.', 'Check for a missing quote or line break before it.'],
  MISSING_CHAR: ['a quote, comma, colon or bracket is missing.', 'Close what was opened before this place.'],
  MULTILINE_IMPLICIT_KEY: [
    "a ':' is missing, or a key goes over several lines.",
    "Write 'key: value', with a space after ':'.",
  ],
  MULTIPLE_ANCHORS: ['a value has two anchors.', 'Keep one of them.'],
  MULTIPLE_DOCS: ["a second document starts here ('---').", 'Keep one document in the file.'],
  MULTIPLE_TAGS: ['a value has two tags.', 'Remove both: tags are not used in a configuration.'],
  NON_STRING_KEY: ['a list or mapping cannot be a key.', 'Use plain text as the key.'],
  RESOURCE_EXHAUSTION: ['the nesting is too deep.', 'Check for brackets that are never closed.'],
  TAB_AS_INDENT: ['a tab is used for indentation.', 'Indent with spaces.'],
  UNEXPECTED_TOKEN: ['this does not belong here.', 'Check quotes, brackets and commas before this place.'],
}

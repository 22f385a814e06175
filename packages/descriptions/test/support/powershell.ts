/** One literal of a script, or a piece of the rest. */
export type Token =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'code'; readonly source: string }

// PowerShell takes all of these for the same quotation mark, and lets one end what another began.
const singleQuotes = "'\u2018\u2019\u201a\u201b"
const doubleQuotes = '"\u201c\u201d\u201e'

/**
 * Takes a script apart by PowerShell's rules of quoting (language specification 2.3.5): single-quoted strings, in which a doubled
 * quotation mark is one, and comments to the end of the line. Fails on anything in which more could hide than this reads:
 * double quotes, here-strings, back-ticks, subexpressions, anything that is not ASCII outside of strings.
 */
export function powershellTokens(script: string): readonly Token[] {
  const tokens: Token[] = []
  let code = ''
  const flush = () => {
    if (code !== '') tokens.push({ kind: 'code', source: code })
    code = ''
  }
  for (let at = 0; at < script.length; at++) {
    const character = script[at] ?? ''
    if (singleQuotes.includes(character)) {
      flush()
      let value = ''
      for (at += 1; ; at++) {
        const next = script[at]
        if (next === undefined) throw new Error('a string does not end')
        if (!singleQuotes.includes(next)) value += next
        else if (singleQuotes.includes(script[at + 1] ?? ' ')) {
          value += next
          at += 1
        } else break
      }
      tokens.push({ kind: 'text', value })
    } else if (character === '#' && (at === 0 || script[at - 1] === '\n')) {
      const end = script.indexOf('\r\n', at)
      at = end < 0 ? script.length : end
      code += '# comment\n'
    } else {
      if (doubleQuotes.includes(character) || '`'.includes(character))
        throw new Error(`unexpected ${character} at ${at}`)
      if (character > '~' || (character < ' ' && !'\r\n'.includes(character))) throw new Error(`not ASCII at ${at}`)
      code += character
    }
  }
  flush()
  return tokens
}

/** The texts that the expressions of a script yield: literals, and `('a' + [char]0x2019 + 'b')` joined. */
export function powershellTexts(script: string): readonly string[] {
  const tokens = powershellTokens(script)
  const texts: string[] = []
  let isOpen = false
  for (const token of tokens) {
    if (token.kind === 'text') {
      if (isOpen) texts.push((texts.pop() ?? '') + token.value)
      else texts.push(token.value)
      isOpen = true
      continue
    }
    const joined = /^ \+ (?:\[char\]0x[0-9A-F]{4}(?: \+ )?)*/.exec(token.source)?.[0] ?? ''
    const characters = [...joined.matchAll(/0x([0-9A-F]{4})/g)].map((match) =>
      String.fromCharCode(Number.parseInt(match[1] ?? '', 16)),
    )
    if (isOpen) texts.push((texts.pop() ?? '') + characters.join(''))
    isOpen = isOpen && joined === token.source
  }
  return texts
}

/** The script with every text expression replaced by one mark: what is left is the same for all machines of one shape. */
export function powershellSkeleton(script: string): string {
  return powershellTokens(script)
    .map((token) => (token.kind === 'text' ? '<text>' : token.source))
    .join('')
    .replace(/\((?:<text>|\[char\]0x[0-9A-F]{4})(?: \+ (?:<text>|\[char\]0x[0-9A-F]{4}))+\)/g, '<text>')
}

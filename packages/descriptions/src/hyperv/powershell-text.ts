/**
 * Writes text as a PowerShell expression that nothing in the text can end.
 *
 * Printable ASCII stands in single quotes, where only the quotation mark itself is special and is doubled. Everything else is
 * written by number. So the script is ASCII: Windows PowerShell reads a file without byte order mark in the code page of the
 * system, where the second byte of a harmless letter can become U+2019, which PowerShell takes for a quotation mark.
 *
 * @see about_Quoting_Rules of PowerShell
 */
export function powershellText(text: string): string {
  const parts = text.match(/[\x20-\x7e]+|[^\x20-\x7e]/g) ?? []
  const written = parts.map((part) =>
    /^[\x20-\x7e]/.test(part)
      ? `'${part.replaceAll("'", "''")}'`
      : `[char]0x${part.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  )
  if (written.length === 0) return "''"
  // Beginning with a string makes every `+` a concatenation of text.
  const [first = "''"] = written
  const terms = first.startsWith("'") ? written : ["''", ...written]
  return terms.length === 1 ? first : `(${terms.join(' + ')})`
}

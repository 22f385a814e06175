const predefined = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])

/** What XML 1.0 allows as a character. */
const forbidden = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

/** Tells whether text holds a character that XML 1.0 cannot, not even as a reference. */
export function hasForbiddenCharacter(text: string): boolean {
  return forbidden.test(text)
}

/** Replaces what XML cannot hold by U+FFFD. */
export function xmlText(text: string): string {
  return hasForbiddenCharacter(text) ? text.replace(new RegExp(forbidden, 'gu'), '\ufffd') : text
}

/**
 * Replaces the five predefined entities and character references.
 *
 * @returns `undefined` for any other entity, a bare `&`, or a character that XML forbids: there is no DTD that could declare one
 */
export function decodeReferences(raw: string): string | undefined {
  if (!raw.includes('&')) return raw
  let isWrong = false
  const decoded = raw.replace(
    /&(?:([A-Za-z][A-Za-z0-9]{0,31});|#([0-9]{1,7});|#x([0-9A-Fa-f]{1,6});)?/g,
    (_, name, decimal, hex) => {
      const character =
        name !== undefined
          ? predefined.get(name)
          : characterOf(decimal !== undefined ? Number(decimal) : Number.parseInt(hex, 16))
      if (character === undefined) isWrong = true
      return character ?? ''
    },
  )
  return isWrong ? undefined : decoded
}

function characterOf(code: number): string | undefined {
  if (!(code >= 0 && code <= 0x10ffff)) return undefined
  const character = String.fromCodePoint(code)
  return hasForbiddenCharacter(character) ? undefined : character
}

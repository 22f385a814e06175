/** Compares names as FAT does: without case, character by character. */
export function isSameName(name: string, wanted: string): boolean {
  return name === wanted || upperCase(name) === upperCase(wanted)
}

/** Characters whose capital is more than one, such as ß, stay as they are. */
function upperCase(name: string): string {
  return Array.from(name, (character) => {
    const capital = character.toUpperCase()
    return capital.length === character.length ? capital : character
  }).join('')
}

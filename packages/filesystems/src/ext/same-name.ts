/** Compares names as ext does: exactly, or without case in a directory that folds it. */
export function isSameName(name: string, wanted: string, folds: boolean): boolean {
  return name === wanted || (folds && folded(name) === folded(wanted))
}

/** Close to the folding of Unicode that Linux does (nfdicf): capitals, small letters, and parts of letters. */
function folded(name: string): string {
  return name.normalize('NFD').toUpperCase().toLowerCase().normalize('NFD')
}

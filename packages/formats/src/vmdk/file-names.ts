/**
 * Lists the names under which a file may be found that a descriptor names: as stated, then without its folders, which
 * are those of the machine where the disk was made.
 */
export function fileNames(stated: string): readonly string[] {
  const base = stated.split(/[/\\]/).at(-1) ?? ''
  return base === '' || base === stated ? [stated] : [stated, base]
}

import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from 'holdfast-lab'
import { afterAll, beforeAll } from 'vitest'
import { backUp, digestsBelow, type Encoding, filesBelow, makeMachines, makeRepository } from './script-repository.js'

export const encodings: readonly Encoding[] = ['encrypted', 'compressed', 'plain']

/** Two machines and a repository of each encoding that holds a point of both, for the tests of one file. */
export function scriptVaults(wanted: readonly Encoding[] = encodings) {
  // Nothing of this checkout can be imported from here.
  const { path: folder } = tempFolder(afterAll)
  const machines = join(folder, 'machines')
  const vaultOf = (encoding: Encoding) => join(folder, encoding)
  let copies = 0

  beforeAll(async () => {
    makeMachines(machines)
    for (const encoding of wanted) {
      await makeRepository(vaultOf(encoding), encoding)
      await backUp(machines, vaultOf(encoding), encoding)
    }
  })

  return {
    folder,
    machines,
    vaultOf,
    /** A copy of a repository, to be damaged. */
    copyOf: (encoding: Encoding) => {
      const copy = join(folder, `copy-${copies++}`)
      cpSync(vaultOf(encoding), copy, { recursive: true })
      return copy
    },
    /** A folder that is not there yet. */
    outputFolder: () => join(folder, `output-${copies++}`),
  }
}

/** Digests of the images below a folder, without what describes the machine. */
export function imagesBelow(path: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(digestsBelow(path)).filter(([name]) => name.endsWith('.raw')))
}

/** Keys of a repository's objects below a prefix. */
export function objectsOf(vault: string, prefix: string): readonly string[] {
  return filesBelow(join(vault, prefix)).map((name) => `${prefix}/${name}`)
}

import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FakeLibrary } from './fake-library-main.js'
import { type Workplace, workplace } from './workplace.js'

/** A workplace whose configuration has a library besides a target that is none. */
export interface LibraryWorkplace extends Workplace {
  /** The library as commands have left it. */
  readonly library: () => Promise<FakeLibrary>
}

/** One library, and a disk. */
const libraryConfig = `
targets:
  disk: { use: '@holdfast/target-disk', with: { path: ./disk } }
  tape: { use: './fake-library.ts', with: {} }
`

export const weekly = '1f2e3d4c5b6a79880011223344556677'

/** Two drives, six slots and two mail slots, with cartridges of every kind. */
export function someLibrary(changes: Partial<FakeLibrary> = {}): FakeLibrary {
  return {
    places: [
      { kind: 'drive', medium: null },
      { kind: 'drive', medium: 'A00001L8' },
      { kind: 'mail', medium: null },
      { kind: 'mail', medium: null },
      { kind: 'slot', medium: 'A00002L8' },
      { kind: 'slot', medium: 'A00003L8' },
      { kind: 'slot', medium: 'A00004L8' },
      { kind: 'slot', medium: 'F00001L8' },
      { kind: 'slot', medium: 'CLN001L1' },
      { kind: 'slot', medium: 'nameless', problem: 'the barcode cannot be read' },
      { kind: 'slot', medium: null },
    ],
    media: {
      A00001L8: {
        state: 'held',
        pool: 'weekly',
        set: weekly,
        sequence: 1,
        keepUntil: '2027-03-01T00:00:00.000Z',
        usedBytes: 9_500_000_000_000,
        problem: 'write-protected',
      },
      A00002L8: { state: 'usable', pool: 'weekly' },
      A00003L8: { state: 'blank' },
      A00004L8: { state: 'unknown', found: 'foreign' },
      F00001L8: { state: 'foreign' },
      CLN001L1: { state: 'cleaning' },
      A00009L8: { state: 'held', pool: 'weekly', set: weekly, sequence: 2, location: 'Bank, box 7' },
    },
    drives: [
      { name: '/dev/nst0', alerts: [] },
      { name: '/dev/nst1', alerts: [] },
    ],
    sets: [
      {
        id: weekly,
        createdAt: '2026-11-01T02:00:00.000Z',
        keepUntil: '2027-03-01T00:00:00.000Z',
        media: ['A00001L8', 'A00009L8'],
      },
      { id: 'ffee', createdAt: '2026-11-08T02:00:00.000Z', media: ['A00002L8'] },
    ],
    ...changes,
  }
}

/** Makes a workplace with this library. */
export async function libraryWorkplace(
  library: FakeLibrary = someLibrary(),
  config = libraryConfig,
): Promise<LibraryWorkplace> {
  const place = await workplace(config)
  const path = join(place.folder, 'library.json')
  await copyFile(join(import.meta.dirname, 'fake-library-main.ts'), join(place.folder, 'fake-library.ts'))
  await writeFile(path, JSON.stringify(library))
  return { ...place, library: async () => JSON.parse(await readFile(path, 'utf8')) }
}

import { describe, expect, it } from 'vitest'
import { openNtfs } from '../src/ntfs/ntfs.js'
import { assertSurvives, fuzzTimeoutMs, type Structure } from './support/hostile-volume.js'
import { ntfsImage } from './support/ntfs-fixture.js'

const sectorBytes = 512
const recordBytes = 1024
const indexBytes = 4096

describe('NTFS: hostile volumes', () => {
  it('survives damage anywhere in its structures', { timeout: fuzzTimeoutMs }, async () => {
    const bytes = ntfsImage()
    const structures = ntfsStructures(bytes)
    expect(structures.length).toBeGreaterThan(50)
    await assertSurvives({ bytes, open: openNtfs, structures })
  })
})

/** The boot sector, records and nodes; of equal records of empty files a few will do. */
function ntfsStructures(bytes: Uint8Array): readonly Structure[] {
  const found: Structure[] = [{ offset: 0, length: 90 }]
  let records = 0
  for (let offset = 0; offset < bytes.byteLength; offset += sectorBytes) {
    const magic = Buffer.from(bytes.subarray(offset, offset + 4)).toString('latin1')
    if (magic === 'INDX') found.push({ offset, length: indexBytes })
    if (magic === 'FILE') records += 1
    if (magic === 'FILE' && (records < 60 || records % 10 === 0)) found.push({ offset, length: recordBytes })
  }
  return found
}

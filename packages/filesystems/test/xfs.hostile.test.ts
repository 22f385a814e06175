import { describe, expect, it } from 'vitest'
import { openXfs } from '../src/xfs/xfs.js'
import { assertSurvives, fuzzTimeoutMs } from './support/hostile-volume.js'
import { xfsImage } from './support/xfs-fixtures.js'
import { xfsStructures } from './support/xfs-structures.js'

describe('XFS: hostile volumes', () => {
  it('survives damage anywhere in its structures', { timeout: fuzzTimeoutMs }, async () => {
    const bytes = xfsImage('varied')
    const structures = xfsStructures(bytes, { blockBytes: 1024, inodeBytes: 512, directoryBlockBytes: 4096 })
    expect(structures.length).toBeGreaterThan(30)
    await assertSurvives({ bytes, open: openXfs, structures })
  })
})

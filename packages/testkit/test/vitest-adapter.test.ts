import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { checksOf } from '../src/index.js'
import { memoryTarget } from '../src/memory/index.js'
import { describeTarget } from '../src/vitest.js'

const steps: string[] = []
let folder = ''

describeTarget('a suite with a server to stop', async ({ tempFolder, onCleanup }) => {
  folder = tempFolder
  steps.push(`set up, ${(await readdir(tempFolder)).length} files`)
  onCleanup(() => steps.push('stopped the server'))
  onCleanup(async () => steps.push('closed the client'))
  const target = memoryTarget({ id: 'counted' })
  return {
    create: () => {
      steps.push('made the plugin')
      return target
    },
    storeInProcess: true,
  }
})

describe('after the suite', () => {
  test('the setup ran once, and cleaning up in reverse order', () => {
    expect(steps[0]).toBe('set up, 0 files')
    expect(steps.slice(-2)).toEqual(['closed the client', 'stopped the server'])
    expect(steps.filter((step) => step.startsWith('set up'))).toHaveLength(1)
  })

  test('every check that applies made the plugin', () => {
    const notApplicable = [
      'target/immutability/locks',
      'target/ordering/permutation',
      'target/capacity/plausible',
      'target/put/max-object',
    ]
    const applicable = checksOf('target').filter(({ id }) => !notApplicable.includes(id))
    expect(steps.filter((step) => step === 'made the plugin').length).toBeGreaterThan(applicable.length)
  })

  test('the folder is gone', () => {
    expect(folder).not.toBe('')
    expect(existsSync(folder)).toBe(false)
  })
})

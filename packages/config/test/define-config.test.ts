import type { SourcePlugin, TargetPlugin } from '@holdfast/core'
import { expect, expectTypeOf, it } from 'vitest'
import { defineConfig, type HoldfastConfig } from '../src/index.js'

declare const source: SourcePlugin
declare const vault: TargetPlugin

it('gives back what it was given', () => {
  const config = { targets: {} }
  expect(defineConfig(config)).toBe(config)
})

it('knows the names of targets, so that a misspelt one does not compile', () => {
  const define = () =>
    defineConfig({ targets: { vault }, pipelines: { nightly: { source, targets: ['vault', { to: 'vault' }] } } })
  expectTypeOf(define).returns.toExtend<HoldfastConfig<'vault'>>()
  const misspelt = () =>
    defineConfig({
      targets: { vault },
      // @ts-expect-error there is no target of this name
      pipelines: { nightly: { source, targets: ['valt'] } },
    })
  const wrongKind = () =>
    defineConfig({
      targets: { vault },
      // @ts-expect-error a target is no source
      pipelines: { nightly: { source: vault, targets: ['vault'] } },
    })
  expect([misspelt, wrongKind]).toHaveLength(2)
})

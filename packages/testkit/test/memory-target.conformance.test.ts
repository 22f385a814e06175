import { wrapTarget } from '@holdfast/core'
import { memoryTarget } from '../src/memory/index.js'
import { describeTarget } from '../src/vitest.js'

describeTarget('memoryTarget', () => {
  const target = memoryTarget()
  return { create: () => target, storeInProcess: true }
})

describeTarget('memoryTarget with every facet', () => {
  const target = memoryTarget({
    immutability: true,
    ordering: true,
    capacityBytes: 2 ** 30,
    latencyMs: 1,
    maxObjectBytes: 2 ** 20 + 1,
  })
  return { create: () => target, storeInProcess: true }
})

describeTarget('memoryTarget as a tape', () => {
  const target = memoryTarget({ sequential: true, sync: true, removes: false })
  return { create: () => target, storeInProcess: true }
})

describeTarget('memoryTarget as a library of tapes', () => {
  const target = memoryTarget({ sequential: true, sync: true, sets: true, media: true, mediumBytes: 60_000 })
  return { create: () => target, storeInProcess: true }
})

describeTarget('memoryTarget, wrapped', () => {
  const target = wrapTarget(memoryTarget(), (session) => ({ ...session }))
  return { create: () => target, storeInProcess: true }
})

import { writeFileSync } from 'node:fs'
import { skipsUnless, skipsWithout, type TempFolder, tempFolder } from 'holdfast-lab'
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest'

let bin: TempFolder
let told: string[]

beforeEach(() => {
  bin = tempFolder(onTestFinished)
  told = []
  vi.stubEnv('PATH', bin.path)
  vi.stubEnv('HOLDFAST_TEST_REQUIRE', '')
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => told.push(String(text)) > 0)
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

it('skips nothing, and says nothing, where all programs are there', () => {
  for (const program of ['qemu-img', 'qemu-io', 'qemu-nbd', 'fio']) writeFileSync(bin.at(program), '', { mode: 0o755 })
  expect(skipsWithout('qemu-utils', 'fio')).toBe(false)
  expect(told).toEqual([])
})

it('skips aloud what lacks a program, and tells which one and the packages to install', () => {
  for (const program of ['qemu-img', 'qemu-io', 'zstd']) writeFileSync(bin.at(program), '', { mode: 0o755 })
  writeFileSync(bin.at('fio'), 'not a program')
  expect(skipsWithout('qemu-utils', 'zstd', 'fio')).toBe(true)
  expect(told).toEqual(['SKIPPED: qemu-nbd, fio missing; apt-get install qemu-utils fio\n'])
})

it('fails instead where everything is required, with the same words', () => {
  vi.stubEnv('HOLDFAST_TEST_REQUIRE', 'all')
  expect(() => skipsWithout('fio')).toThrow('fio missing; apt-get install fio')
  expect(() => skipsUnless(false, 'mounting wants root')).toThrow('mounting wants root')
  expect(skipsUnless(true, 'mounting wants root')).toBe(false)
  expect(told).toEqual([])
})

it('knows what a guest takes beside programs of a QEMU', () => {
  expect(skipsWithout('guest')).toBe(true)
  expect(told.join()).toMatch(
    /^SKIPPED: qemu-system-x86_64, .*busybox.* missing; apt-get install qemu-system-x86 .*cpio/,
  )
})

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished } from 'vitest'
import { makeGuestData } from '../workloads/guest-data.ts'
import { measuredTest } from './gnu-time.ts'

measuredTest('the disk of a guest is noise, then text of which no block is like another, then a hole', async () => {
  const mib = 2 ** 20
  const image = tempFolder(onTestFinished).at('data.qcow2')
  await makeGuestData(image, { diskBytes: 8 * mib, noiseBytes: 2 * mib, textBytes: 3 * mib })
  expect(existsSync(`${image}.raw`)).toBe(false)
  execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', image, `${image}.back`])
  const disk = readFileSync(`${image}.back`)
  expect(disk.length).toBe(8 * mib)
  expect(disk.subarray(0, 2 * mib).includes('GNU GENERAL')).toBe(false)
  const text = disk.subarray(2 * mib, 5 * mib)
  expect(text.includes('GNU GENERAL')).toBe(true)
  const blocks = new Set(
    Array.from({ length: text.length / 4096 }, (_, i) => text.toString('latin1', i * 4096, i * 4096 + 4096)),
  )
  expect(blocks.size).toBe(768)
  expect(disk.subarray(5 * mib).every((byte) => byte === 0)).toBe(true)
})

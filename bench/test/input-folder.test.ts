import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tempFolder } from 'holdfast-lab'
import { expect, onTestFinished, test } from 'vitest'
import { presentImages } from '../tools/input-folder.ts'

function folderWithTwoDays() {
  const folder = tempFolder(onTestFinished).path
  const folders = { home: join(folder, 'home'), input: join(folder, 'input'), output: join(folder, 'output') }
  const state = (content: string) => {
    const image = join(folder, content)
    writeFileSync(image, content)
    return { machine: 'server', image }
  }
  return { folders, disk: join(folders.input, 'server.raw'), dayOne: state('one'), dayTwo: state('two') }
}

test('a disk that is laid out already does not look changed when it is laid out again', async () => {
  const { folders, disk, dayOne } = folderWithTwoDays()
  presentImages(folders, [dayOne])
  const { ctimeMs } = statSync(disk)
  await sleep(20)
  presentImages(folders, [dayOne])
  expect(statSync(disk).ctimeMs).toBe(ctimeMs)
})

test('another state of a disk takes the place of the one before', () => {
  const { folders, disk, dayOne, dayTwo } = folderWithTwoDays()
  presentImages(folders, [dayOne])
  presentImages(folders, [dayTwo])
  expect(readFileSync(disk, 'utf8')).toBe('two')
})

import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededImage, writeImageFile } from '@holdfast/testkit/images'

// A shop whose disk knows 41 orders, while a 42nd is still in the memory of the application (app/pending).
const machine = join(import.meta.dirname, 'machines', 'shop')
const app = join(import.meta.dirname, 'app')
await mkdir(machine, { recursive: true })
await mkdir(app, { recursive: true })

const disk = join(machine, 'data.raw')
await writeImageFile(disk, seededImage(16 * 2 ** 20, 3, { usedPercent: 50 }))
const image = await open(disk, 'r+')
await image.write(block('orders: 41\n'), 0, 4096, 0)
await image.close()
await writeFile(join(app, 'pending'), block('orders: 42\n'))
console.log('machines/shop/data.raw says orders: 41, app/pending says orders: 42')

function block(text: string): Uint8Array {
  return Buffer.alloc(4096).fill(text, 0, text.length)
}

import * as scsi from '../../src/scsi/index.js'
import { calm } from './scsi-failure.js'

/** Every command that reads or moves something, ready to be sent. */
export const commands: Readonly<Record<string, (device: scsi.ScsiDevice) => Promise<unknown>>> = {
  testUnitReady: (device) => scsi.testUnitReady(device, calm),
  requestSense: (device) => scsi.requestSense(device, calm),
  inquiry: (device) => scsi.inquiry(device, calm),
  supportedVitalPages: (device) => scsi.supportedVitalPages(device, calm),
  unitSerialNumber: (device) => scsi.unitSerialNumber(device, calm),
  designators: (device) => scsi.designators(device, calm),
  streamCapabilities: (device) => scsi.streamCapabilities(device, calm),
  reportLuns: (device) => scsi.reportLuns(device, calm),
  reportSupportedOperations: (device) => scsi.reportSupportedOperations(device, calm),
  modeSense: (device) => scsi.modeSense(device, { page: 0x3f }, calm),
  logSense: (device) => scsi.logSense(device, 0x31, calm),
  tapeAlerts: (device) => scsi.tapeAlerts(device, 'drive', calm),
  readReservationKeys: (device) => scsi.readReservationKeys(device, calm),
  readReservation: (device) => scsi.readReservation(device, calm),
  readAttributes: (device) => scsi.readAttributes(device, calm),
  readBlockLimits: (device) => scsi.readBlockLimits(device, calm),
  reportDensities: (device) => scsi.reportDensities(device, 'drive', calm),
  readBlock: (device) => scsi.readBlock(device, new Uint8Array(256), calm),
  readBlocks: (device) => scsi.readBlocks(device, new Uint8Array(256), 64, calm),
  writeBlock: (device) => scsi.writeBlock(device, new Uint8Array(256), calm),
  writeFilemarks: (device) => scsi.writeFilemarks(device, 1, calm),
  spaceBlocks: (device) => scsi.spaceBlocks(device, -3, calm),
  spaceFilemarks: (device) => scsi.spaceFilemarks(device, 2, calm),
  locate: (device) => scsi.locate(device, { object: 7 }, calm),
  readPosition: (device) => scsi.readPosition(device, 'short', calm),
  readLongPosition: (device) => scsi.readPosition(device, 'long', calm),
  elementAddresses: (device) => scsi.elementAddresses(device, calm),
  readElementStatus: (device) => scsi.readElementStatus(device, { type: 'drive' }, calm),
  readInventory: (device) =>
    scsi.readInventory(
      device,
      {
        transports: { first: 1, count: 1 },
        storage: { first: 2, count: 4 },
        importExport: { first: 0, count: 0 },
        drives: { first: 8, count: 2 },
      },
      calm,
    ),
  moveMedium: (device) => scsi.moveMedium(device, { source: 1, destination: 2 }, calm),
}

import { describeSource } from '@holdfast/testkit/vitest'
import { ovaMachines, vmxMachines } from './support/described-machines.js'

describeSource('source-image with a VMX', vmxMachines)
describeSource('source-image with an OVA', ovaMachines)

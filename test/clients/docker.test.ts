import { testClient } from './client-tests.ts'
import { docker } from './docker.ts'

testClient(docker)

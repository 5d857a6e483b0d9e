// Package conformance is the official conformance suite of Gateway API v1.6 as a test binary. ../run builds and calls it; all
// of its flags are the suite's own.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) {
	conformance.RunConformance(t)
}

package main

import (
	"fmt"
	"net/http"
	"strings"
)

// What servers of each version say that they understand, newest first.
var apiVersions = []struct{ release, api string }{
	{"8.0", "8.0.0.1"}, {"7.0", "7.0.3.0"}, {"6.7", "6.7.3"}, {"6.5", "6.5"}, {"6.0", "6.0"}, {"5.5", "5.5"},
}

// apiVersionOf is about.apiVersion of a release, and about.version.
func apiVersionOf(release string) (string, string) {
	for _, one := range apiVersions {
		if one.release == release {
			return one.api, release + ".0"
		}
	}
	return release, release
}

func serviceVersions(release string) http.Handler {
	current, _ := apiVersionOf(release)
	var prior strings.Builder
	isOlder := false
	for _, one := range apiVersions {
		if isOlder {
			fmt.Fprintf(&prior, "   <version>%s</version>\n", one.api)
		}
		isOlder = isOlder || one.release == release
	}
	text := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<namespaces version="1.0">
 <namespace>
  <name>urn:vim25</name>
  <version>%s</version>
  <priorVersions>
%s  </priorVersions>
 </namespace>
</namespaces>
`, current, prior.String())
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write([]byte(text))
	})
}

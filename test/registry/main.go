// A schema registry for tests: an independent implementation of the Confluent REST interface, in memory.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/twmb/franz-go/pkg/sr/srfake"
)

func main() {
	address := flag.String("listen", "127.0.0.1:8081", "host and port to listen on")
	user := flag.String("user", "", "user whom every request must name (basic auth); empty: none")
	password := flag.String("password", "", "that user's password")
	flag.Parse()
	var options []srfake.Option
	if *user != "" {
		request, _ := http.NewRequest("GET", "/", nil)
		request.SetBasicAuth(*user, *password)
		options = append(options, srfake.WithAuth(request.Header.Get("Authorization")))
	}
	log.Fatal(http.ListenAndServe(*address, srfake.NewRegistry(options...).Handler()))
}

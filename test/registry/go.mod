module outlierd/test/registry

go 1.24

require github.com/twmb/franz-go/pkg/sr/srfake v1.8.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const (
	alertRules = "../../playbooks/roles/polardb/files/polardb-alerts.yml"
	dashboard  = "../../playbooks/roles/polardb/files/polardb-dashboard.json"
)

// promtool returns Prometheus' own tool.
func promtool(t *testing.T) string {
	t.Helper()
	found, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("needs promtool (Debian package prometheus)")
	}
	return found
}

// TestAlerts holds the rules to Prometheus' own check and to what testdata/alerts_test.yml expects of them.
func TestAlerts(t *testing.T) {
	tool := promtool(t)
	for _, arguments := range [][]string{{"check", "rules", "--lint-fatal", alertRules}, {"test", "rules", "testdata/alerts_test.yml"}} {
		if out, err := exec.Command(tool, arguments...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
}

// told is what the metrics' golden file tells: the labels of each name.
func told(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	return labelsOf(string(data))
}

var sampleLine = regexp.MustCompile(`^([a-z_]+)\{(.*)\} [0-9.e+-]+$`)
var labelName = regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`)

// labelsOf returns the names of metrics with those of their labels.
func labelsOf(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		sample := sampleLine.FindStringSubmatch(strings.TrimSpace(line))
		if sample == nil {
			continue
		}
		var names []string
		for _, label := range labelName.FindAllStringSubmatch(sample[2], -1) {
			names = append(names, label[1])
		}
		found[sample[1]] = strings.Join(names, ",")
	}
	return found
}

// Rules and dashboard ask for nothing that is not told, and every rule says what to do.
func TestAlertsAndDashboardAskForWhatIsTold(t *testing.T) {
	known := told(t)
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	data, err := os.ReadFile(alertRules)
	if err == nil {
		err = yaml.Unmarshal(data, &rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{}
	for _, r := range rules.Groups[0].Rules {
		asked[r.Alert] = r.Expr
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s says too little: %v, %v", r.Alert, r.Labels, r.Annotations)
		}
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	data, err = os.ReadFile(dashboard)
	if err == nil {
		err = json.Unmarshal(data, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			asked[p.Title] += " " + target.Expr
		}
	}
	if len(asked) < 30 {
		t.Errorf("only %d rules and panels were found", len(asked))
	}
	metric := regexp.MustCompile(`polardb_[a-z_]+`)
	for what, expr := range asked {
		for _, name := range metric.FindAllString(expr, -1) {
			if _, ok := known[name]; !ok {
				t.Errorf("%s asks for %s, which nobody tells", what, name)
			}
		}
	}
}

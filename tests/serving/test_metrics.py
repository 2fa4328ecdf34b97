"""The text that Prometheus reads: cumulative buckets, escaped labels."""

from plimsoll.serving.metrics import Requests, Tally, family, sample


def test_buckets_are_cumulative_and_end_with_the_count():
    requests = Requests({"model": "fraud"})
    for seconds in (0.0005, 0.0007, 0.3, 99.0):
        requests.count(200, seconds)
    lines = list(requests.histogram_lines())
    counts = [int(line.rpartition(" ")[2]) for line in lines if "_bucket" in line]
    assert lines[0] == 'plimsoll_request_seconds_bucket{model="fraud",le="0.0005"} 1'
    assert counts == sorted(counts)
    assert 'le="+Inf"} 4' in lines[-3]
    assert lines[-2].startswith('plimsoll_request_seconds_sum{model="fraud"} 99.3')
    assert lines[-1] == 'plimsoll_request_seconds_count{model="fraud"} 4'


def test_statuses_are_counted_apart():
    requests = Requests({"model": "fraud"})
    for status in (200, 503, 200):
        requests.count(status, 0.1)
    assert list(requests.counter_lines()) == [
        'plimsoll_requests_total{model="fraud",status="200"} 2',
        'plimsoll_requests_total{model="fraud",status="503"} 1',
    ]


def test_a_family_has_help_and_type_and_labels_are_escaped():
    text = family("a", "gauge", "About a.", [sample("a", {"name": 'x"\\\n'}, 1)])
    assert text == '# HELP a About a.\n# TYPE a gauge\na{name="x\\"\\\\\\n"} 1\n'


def test_a_door_counts_by_version_and_role():
    tally = Tally(model="fraud", environment="staging")
    tally.requests("1", "champion").count(200, 0.1)
    tally.requests("1", "champion").count(200, 0.1)
    tally.requests("2", "shadow").count(500, 0.1)
    tally.fallbacks["2"] += 3
    tally.late["2"] += 1
    tally.copies_shed += 1
    text = "".join(tally.families())
    for line in (
        'plimsoll_requests_total{model="fraud",version="1",environment="staging",role="champion",status="200"} 2',
        'plimsoll_requests_total{model="fraud",version="2",environment="staging",role="shadow",status="500"} 1',
        'plimsoll_fallbacks_total{model="fraud",environment="staging",version="2"} 3',
        'plimsoll_candidate_late_total{model="fraud",environment="staging",version="2"} 1',
        'plimsoll_copies_shed_total{model="fraud",environment="staging"} 1',
    ):
        assert f"{line}\n" in text

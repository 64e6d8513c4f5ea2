"""What Prometheus reads from /metrics."""

from prometheus_client.parser import text_string_to_metric_families

from tests.world import SECRET, World


def scrape(world: World, secret: str = SECRET) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    reply = world.client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    assert reply.status_code == 200, reply.get_data(as_text=True)
    assert reply.content_type.startswith("text/plain; version=0.0.4")
    assert reply.headers["X-Request-Id"]
    families = list(text_string_to_metric_families(reply.get_data(as_text=True)))
    assert all(family.documentation and family.type == "gauge" for family in families)
    samples = [sample for family in families for sample in family.samples]
    assert all(sample.labels.keys() <= {"job", "state"} for sample in samples)
    found = {(sample.name.removeprefix("vettr_cron_"), *sample.labels.values()): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found

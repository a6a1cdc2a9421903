-- What tags of jobs of managed services say of them: by the names that a run event has
-- for it, of team and project first by the keys of the settings. One row per source and
-- job with tags.
{% set names = [
    "owner",
    "team",
    "project",
    "environment",
    "pipeline",
    "step",
    "workload_kind",
    "model_name",
    "model_version",
    "dataset_name",
    "dataset_version",
    "git_commit",
] %}

with
    jobs as (select * from {{ ref("int_runs__managed_jobs") }}),
    tag_keys as (select * from {{ ref("int_settings__tag_keys") }}),

    tags as (
        select
            jobs.source,
            jobs.source_run_id,
            {{ alias_key("tag.key") }} as tag_key,
            -- Of two spellings of one key, the first in the alphabet.
            min_by(tag.value, tag.key) as tag_value
        from jobs {{ unnested("jobs.tags", "told", "tag") }}
        where trim(tag.value) <> ''
        group by jobs.source, jobs.source_run_id, {{ alias_key("tag.key") }}
    ),

    final as (
        select
            tags.source,
            tags.source_run_id,
            {% for kind in ["job", "team", "project"] %}
                min_by(
                    tags.tag_value,
                    case
                        when tag_keys.tag_kind = '{{ kind }}' then tag_keys.tag_rank
                    end
                ) as set_{{ kind }},
            {% endfor %}
            {% for name in names %}
                max(
                    case
                        when tags.tag_key = '{{ name | replace("_", "") }}'
                        then tags.tag_value
                    end
                ) as {{ name }},
            {% endfor %}
            -- Studio says who started the job from it.
            max(
                case
                    when tags.tag_key = 'sagemakeruserprofilearn'
                    then regexp_extract(tags.tag_value, '[^/:]+$', 0)
                end
            ) as studio_user
        from tags
        left join tag_keys on tags.tag_key = tag_keys.tag_key
        group by tags.source, tags.source_run_id
    )

select *
from final

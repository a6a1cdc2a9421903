-- OpenLineage events with what matters of their facets, our names. One row per landed
-- event; the same event may come twice.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "openlineage__events") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'openlineage__events'
    ),

    events as (
        select
            landed.*,
            {{ json_text("run_facets", "parent") }} as parent_json,
            {{ json_text("run_facets", "nominalTime") }} as nominal_time_json,
            {{ json_text("run_facets", "processing_engine") }} as engine_json,
            {{ json_text("run_facets", "errorMessage") }} as error_json,
            {{ json_text("run_facets", "airflow") }} as airflow_json,
            {{ json_text("job_facets", "jobType") }} as job_type_json,
            {{ json_text("job_facets", "sourceCodeLocation") }} as source_code_json,
            {{
                json_item(
                    json_text(json_text("job_facets", "ownership"), "owners"), "1"
                )
            }} as owner_json,
            {{ json_text(json_text("run_facets", "tags"), "tags") }} as tags_json,
            {{ json_item("inputs", "1") }} as input_json
        from landed
    ),

    final as (
        select
            events.event_id,
            events.event_kind,
            events.event_type,
            events.run_id as openlineage_run_id,
            events.job_namespace,
            events.job_name,

            {{ utc_timestamp("events.event_time") }} as event_at_utc,
            {{ json_text("nominal_time_json", "nominalStartTime") }}
            as nominal_start_text,

            {{ json_text("job_type_json", "integration") }} as integration,
            {{ json_text("job_type_json", "jobType") }} as job_type,
            {{ json_text("job_type_json", "processingType") }} as processing_type,
            {{ json_text("engine_json", "name") }} as engine_name,
            {{ json_text("engine_json", "version") }} as engine_version,
            {{ json_text("owner_json", "name") }} as owner,
            events.team,
            {{ json_text("error_json", "message") }} as error_message,
            {{ json_text("source_code_json", "version") }} as source_code_version,

            {{ json_text(json_text("parent_json", "run"), "runId") }} as parent_run_id,
            {{ json_text(json_text("parent_json", "job"), "name") }} as parent_job_name,
            {{ json_text(json_text(json_text("parent_json", "root"), "job"), "name") }}
            as root_job_name,

            {{ json_text(json_text("airflow_json", "dag"), "dag_id") }}
            as airflow_dag_id,
            {{ json_text(json_text("airflow_json", "dagRun"), "run_id") }}
            as airflow_run_id,
            {{ json_text(json_text("airflow_json", "task"), "task_id") }}
            as airflow_task_id,
            {{ json_text(json_text("airflow_json", "taskInstance"), "map_index") }}
            as airflow_map_index,
            {{ json_text(json_text("airflow_json", "taskInstance"), "try_number") }}
            as airflow_try_number,

            {{ json_text("input_json", "name") }} as dataset_name,
            {{
                json_text(
                    json_text(json_text("input_json", "facets"), "version"),
                    "datasetVersion",
                )
            }} as dataset_version,
            {{
                json_text(
                    json_text(
                        json_text("input_json", "inputFacets"), "inputStatistics"
                    ),
                    "rowCount",
                )
            }} as dataset_rows,
            tags_json,

            events.source_file,
            events.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from events
        inner join deliveries on events.delivery_id = deliveries.delivery_id
    )

select *
from final

{{ config(
    pre_hook="{{ forget_loads_on_full_refresh() }}",
    post_hook="{{ drop_what_other_code_loaded() }}",
) }}

with landing_files as (

    select * from {{ source('state', 'landing_files') }}

),

{% set loads = loads_with_code() -%}
loaded_files as (

    {% if loads is none -%}
    select cast(null as bigint) as file_id
    where false
    {%- else -%}
    select file_id from {{ loads }}
    where code = loading_revision()
    {%- endif %}

),

accepted_files as (

    select
        file_id,
        source,
        entity,
        path,
        readable_path,
        business_on as known_on,
        row_count,
        column_names
    from landing_files
    where
        status = 'accepted'
        and (source, entity) in (
            {%- for name, entities in var('sources') | dictsort %}
            {%- set is_last_source = loop.last %}
            {%- for entity in entities %}
            ('{{ name }}', '{{ entity }}'){{ ',' if not (is_last_source and loop.last) }}
            {%- endfor %}
            {%- endfor %}
        )

),

files_to_load as (

    -- sales lines and promotions are loaded once; the small entities are read whole each time
    select
        accepted_files.*,
        loaded_files.file_id is null as is_new
    from accepted_files
    left join loaded_files on accepted_files.file_id = loaded_files.file_id
    where
        loaded_files.file_id is null
        or accepted_files.entity not in ('sales_events', 'promotions')

)

select * from files_to_load

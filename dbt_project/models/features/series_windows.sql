{% set windows = feature_windows() %}

with series_editions as (

    select * from {{ ref('series_editions') }}

),

series_days as (

    select * from {{ ref('series_days') }}

),

series_windows as (

    -- what there was up to the cutoff, less what there was up to the day before the window
    select
        ---------- ids
        series_editions.series_number,
        series_editions.product_id,
        series_editions.store_id,

        ---------- numerics
        {%- for window in windows %}
        {%- for column in ['open_days', 'sold_days', 'units'] %}
        coalesce(at_cutoff.{{ column }}, 0) - coalesce(before_{{ window }}.{{ column }}, 0)
            as {{ column }}_{{ window }},
        {%- endfor %}
        {%- endfor %}
        {%- for window in [28, 140, 364] %}
        at_cutoff.units_squared - coalesce(before_{{ window }}.units_squared, 0)
            as units_squared_{{ window }},
        {%- for column in ['promoted_share', 'promoted_units'] %}
        coalesce(at_cutoff.{{ column }}, 0) - coalesce(before_{{ window }}.{{ column }}, 0)
            as {{ column }}_{{ window }},
        {%- endfor %}
        {%- endfor %}
        {%- for window in [28, 140] %}
        {%- for column in ['priced_units', 'sold_revenue'] %}
        coalesce(at_cutoff.{{ column }}, 0) - coalesce(before_{{ window }}.{{ column }}, 0)
            as {{ column }}_{{ window }},
        {%- endfor %}
        {%- endfor %}
        -- the first change of the window comes from a day before it
        greatest(
            coalesce(at_cutoff.squared_changes, 0)
            - coalesce(before_364.squared_changes, 0)
            - coalesce(before_364.next_unit_change * before_364.next_unit_change, 0),
            0
        ) as squared_changes_364,
        at_cutoff.last_units,
        at_cutoff.open_days - coalesce(at_last_sale.open_days, 0) as open_days_since_last_sale,

        ---------- dates
        series_editions.cutoff_on,
        at_cutoff.first_sold_on
    from series_editions
    inner join series_days as at_cutoff
        on
            series_editions.edition_number = at_cutoff.edition_number
            and series_editions.cutoff_on = at_cutoff.day_on
    left join series_days as at_last_sale
        on
            series_editions.edition_number = at_last_sale.edition_number
            and at_cutoff.last_sold_on = at_last_sale.day_on
    {%- for window in windows %}
    left join series_days as before_{{ window }}
        on
            series_editions.edition_number = before_{{ window }}.edition_number
            and series_editions.cutoff_on - {{ window }} = before_{{ window }}.day_on
    {%- endfor %}

)

select * from series_windows

with lines as (

    select * from {{ landed('online_retail', 'sales_events') }}

),

renamed as (

    select
        ---------- line
        {{ line_identity() }},

        ---------- ids: no column identifies a line, so its whole content does
        InvoiceNo || '-' || md5(concat_ws(
            '|', StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country
        )) as event_id,
        upper(StockCode) as product_id,
        Country as store_id,
        CustomerID as customer_id,

        ---------- text
        'GBP' as currency,

        ---------- numerics: a cancelled invoice (C...) already has negative quantities
        Quantity as quantity,
        UnitPrice as unit_price,
        cast(null as varchar) as net_amount,

        ---------- booleans: articles have five digits or a DCGS number; A... invoices adjust debts
        (
            InvoiceNo not like 'A%'
            and (StockCode similar to '[0-9]{5}.*' or upper(StockCode) like 'DCGS%')
        ) as is_demand,

        ---------- timestamps
        InvoiceDate as sold_at
    from lines

)

select * from renamed
